#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Writes upper_table.inc from the Unicode data that perl carries: perl upper_table.pl > upper_table.inc
#
# Which mappings: those that the published table of [MS-UCODEREF] 3.1.5.3 (Windows 8) has. That is, simple one-to-one
# mappings in the Basic Multilingual Plane of characters that Unicode 6.1 knew, where lower-casing leads back (so
# U+00B5, U+0131 and U+017F stay themselves), and the final sigma. Later pairs must stay out: Unicode 11 gave Georgian
# letters capitals that no Windows writes into an NT hash.
use strict;
use warnings;
use Unicode::UCD qw(charinfo charprop);

my @pairs;
for my $c (0x80 .. 0xffff) {
  next if $c >= 0xd800 && $c <= 0xf8ff;    # surrogates, private use
  my $info = charinfo($c) or next;
  next if $info->{upper} eq '';
  my $u = hex $info->{upper};
  next if $u > 0xffff || grep { charprop($_, 'Age') !~ /^V?(\d+)[._](\d+)/ || $1 * 100 + $2 > 601 } $c, $u;
  my $back = charinfo($u)->{lower};
  push @pairs, [$c, $u] if $c == 0x3c2 || ($back ne '' && hex $back == $c);
}

# Runs of one distance: every code unit, or every second one.
my @runs;
for my $pair (@pairs) {
  my ($c, $u) = @$pair;
  my $run = $runs[-1];
  if ($run && $run->{delta} == $u - $c && $c - $run->{last} <= 2
      && ($run->{step} == 0 || $run->{step} == $c - $run->{last})) {
    $run->{step} = $c - $run->{last};
    $run->{last} = $c;
  } else {
    push @runs, {first => $c, last => $c, step => 0, delta => $u - $c};
  }
}
print "// SPDX-License-Identifier: MIT\n// Written by upper_table.pl; ", scalar @pairs, " mappings.\n";
printf "{0x%04x, 0x%04x, %d, %d},\n", $_->{first}, $_->{last}, $_->{step} || 1, $_->{delta} for @runs;
