// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "abi/exchange.h"

namespace {

// Users of a domain, as winbind and sssd show them.
constexpr uid_t kOfWinbind = 1'000'004'711, kOfSssd = 1'000'004'712;

}  // namespace

// In the C library's place, for the module too.
extern "C" __attribute__((visibility("default"))) int getpwuid_r(uid_t uid, passwd* entry,
                                                                 char* room, size_t size,
                                                                 passwd** found) {
  if (uid != kOfWinbind && uid != kOfSssd) {
    static const auto real =
        reinterpret_cast<decltype(&getpwuid_r)>(dlsym(RTLD_NEXT, "getpwuid_r"));
    return real(uid, entry, room, size, found);
  }
  const std::string_view name = uid == kOfWinbind ? "DOM\\alice" : "alice@dom.example";
  if (size <= name.size()) {
    return ERANGE;
  }
  *entry = {};
  room[name.copy(room, name.size())] = '\0';
  entry->pw_name = room;
  *found = entry;
  return 0;
}

namespace ntlm::test {
namespace {

std::string shown(gss_name_t name, gss_OID* type = nullptr) {
  Buffer out;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_display_name(&minor, name, out.out(), type), GSS_S_COMPLETE);
  return text(out);
}

// The mechanism's own name, which has an exported form.
Name canonical(Name& name) {
  Name out;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_canonicalize_name(&minor, name.get(), &g_ntlm, out.out()), GSS_S_COMPLETE);
  return out;
}

std::string canonical_text(std::string_view given, gss_OID type) {
  Name name = import(given, type);
  return shown(canonical(name).get());
}

bool same(Name& a, Name& b) {
  int equal = 0;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_compare_name(&minor, a.get(), b.get(), &equal), GSS_S_COMPLETE);
  return equal != 0;
}

OM_uint32 canonicalize(std::string_view given, gss_OID type) {
  Name name;
  gss_buffer_desc in = buffer(given);
  OM_uint32 minor = 0;
  const OM_uint32 imported = gss_import_name(&minor, &in, type, name.out());
  if (GSS_ERROR(imported)) {
    return imported;
  }
  Name mech_name;
  return gss_canonicalize_name(&minor, name.get(), &g_ntlm, mech_name.out());
}

std::string exported(Name& name, bool composite) {
  Buffer token;
  OM_uint32 minor = 0;
  EXPECT_EQ(composite ? gss_export_name_composite(&minor, name.get(), token.out())
                      : gss_export_name(&minor, name.get(), token.out()),
            GSS_S_COMPLETE);
  return text(token);
}

class Names : public testing::Test {
 protected:
  Accounts accounts_;
};

TEST_F(Names, EachFormOfAnAccountIsShownInTheConfiguredForm) {
  EXPECT_EQ(canonical_text("alice", GSS_C_NT_USER_NAME), "alice");
  EXPECT_EQ(canonical_text("TEST\\alice", GSS_C_NT_USER_NAME), "TEST\\alice");
  EXPECT_EQ(canonical_text("alice@test.example", GSS_C_NT_USER_NAME), "test.example\\alice");
  EXPECT_EQ(canonical_text("alice@test.example", GSS_KRB5_NT_ENTERPRISE_NAME),
            "alice@test.example");
  EXPECT_EQ(canonical_text("alice@TEST.EXAMPLE", GSS_KRB5_NT_PRINCIPAL_NAME),
            "TEST.EXAMPLE\\alice");
  EXPECT_EQ(canonical_text("TEST\\alice", GSS_C_NO_OID), "TEST\\alice");
  accounts_.configure("at.conf", "[ntlm]\n display_form = user@domain\n");
  EXPECT_EQ(canonical_text("TEST\\alice", GSS_C_NT_USER_NAME), "alice@TEST");
}

TEST_F(Names, ALengthThatCountsTheNulIsReadAsMeant) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(canonical_text("alice\0"sv, GSS_C_NT_USER_NAME), "alice");
  EXPECT_EQ(canonical_text("host\0"sv, GSS_C_NT_HOSTBASED_SERVICE), "host");
  EXPECT_EQ(canonical_text("HTTP@www\0"sv, GSS_C_NT_HOSTBASED_SERVICE), "HTTP@www");
}

TEST_F(Names, ServicesAndKerberosServicePrincipals) {
  EXPECT_EQ(canonical_text("HTTP@www.example", GSS_C_NT_HOSTBASED_SERVICE), "HTTP@www.example");
  EXPECT_EQ(canonical_text("HTTP/www.example", GSS_C_NT_HOSTBASED_SERVICE), "HTTP@www.example");
  EXPECT_EQ(canonical_text("HTTP/www.example@REALM", GSS_KRB5_NT_PRINCIPAL_NAME),
            "HTTP@www.example");
}

TEST_F(Names, TheTypeThatIsShownIsTheTypeThatItImportsAs) {
  const std::map<std::string, gss_OID> forms = {{"TEST\\alice", GSS_C_NT_USER_NAME},
                                                {"HTTP@www", GSS_C_NT_HOSTBASED_SERVICE}};
  for (const auto& [given, type] : forms) {
    Name first = import(given, type);
    Name name = canonical(first);
    gss_OID shown_type = GSS_C_NO_OID;
    const std::string again = shown(name.get(), &shown_type);
    Name second = import(again, shown_type);
    Name back = canonical(second);
    EXPECT_TRUE(same(name, back)) << given;
  }
}

TEST_F(Names, AUidIsTheUserWhoHasIt) {
  const passwd* me = getpwuid(getuid());
  if (me == nullptr) {
    GTEST_SKIP() << "this uid has no name here";
  }
  const std::string name = me->pw_name;
  const uid_t uid = getuid();
  EXPECT_EQ(canonical_text(std::to_string(uid), GSS_C_NT_STRING_UID_NAME), name);
  EXPECT_EQ(
      canonical_text({reinterpret_cast<const char*>(&uid), sizeof uid}, GSS_C_NT_MACHINE_UID_NAME),
      name);
}

TEST_F(Names, AUidOfADomainsUserIsThatUser) {
  for (const auto& [uid, as_text] :
       std::map<uid_t, const char*>{{kOfWinbind, "DOM\\alice"}, {kOfSssd, "alice@dom.example"}}) {
    Name by_uid = import(std::to_string(uid), GSS_C_NT_STRING_UID_NAME), by_text = import(as_text);
    Name name = canonical(by_uid), expected = canonical(by_text);
    EXPECT_TRUE(same(name, expected)) << as_text;
    EXPECT_EQ(shown(name.get()), shown(expected.get()));
    Name back = import(exported(name, false), GSS_C_NT_EXPORT_NAME);
    EXPECT_TRUE(same(name, back)) << as_text;
  }
}

TEST_F(Names, RefusedForms) {
  using std::string_view_literals::operator""sv;
  const std::vector<std::pair<std::string_view, gss_OID>> bad = {
      {""sv, GSS_C_NT_USER_NAME},
      {"TEST\\"sv, GSS_C_NT_USER_NAME},
      {"alice@"sv, GSS_C_NT_USER_NAME},
      {"al\0ice"sv, GSS_C_NT_USER_NAME},
      {"\xff\xfe"sv, GSS_C_NT_USER_NAME},
      {"@host"sv, GSS_C_NT_HOSTBASED_SERVICE},
      {"-1"sv, GSS_C_NT_STRING_UID_NAME},
      {"12x"sv, GSS_C_NT_STRING_UID_NAME},
      {"99999999999999999999"sv, GSS_C_NT_STRING_UID_NAME},
      {"abc"sv, GSS_C_NT_MACHINE_UID_NAME},
  };
  for (const auto& [given, type] : bad) {
    EXPECT_EQ(canonicalize(given, type), GSS_S_BAD_NAME) << testing::PrintToString(given);
  }
  EXPECT_EQ(canonicalize(std::string(257, 'a'), GSS_C_NT_USER_NAME), GSS_S_BAD_NAME);
  gss_OID_desc unknown{3, const_cast<char*>("\x2a\x03\x04")};
  EXPECT_EQ(canonicalize("alice", &unknown), GSS_S_BAD_NAMETYPE);
}

TEST_F(Names, AccountsCompareWithoutCaseAndAnonymousIsNobodyElse) {
  Name one = import("test\\ALICE"), two = import("TEST\\alice"), other = import("TEST\\alic"),
       bare = import("alice");
  Name a = canonical(one), b = canonical(two), c = canonical(other), d = canonical(bare);
  EXPECT_TRUE(same(a, b));
  EXPECT_FALSE(same(a, c));
  EXPECT_FALSE(same(a, d));
  Name who = import("", GSS_C_NT_ANONYMOUS), nobody = import("", GSS_C_NT_ANONYMOUS);
  Name e = canonical(who), f = canonical(nobody);
  EXPECT_FALSE(same(e, f));
  EXPECT_EQ(shown(e.get()), "NT AUTHORITY\\ANONYMOUS LOGON");
}

TEST_F(Names, ExportedNamesComeBackAndCompareByteByByte) {
  for (const char* given : {"alice", "TEST\\alice", "TEST\\na\xc3\xafve"}) {
    Name imported = import(given);
    Name name = canonical(imported);
    const std::string token = exported(name, false);
    EXPECT_EQ(token.substr(0, 2), std::string("\x04\x01", 2));
    EXPECT_EQ(token.substr(4, 2), std::string("\x06\x0a", 2));
    Name back = import(token, GSS_C_NT_EXPORT_NAME);
    EXPECT_EQ(shown(back.get()), given);
    EXPECT_TRUE(same(name, back));
    EXPECT_EQ(exported(back, false), token);
  }
}

// Access lists hold it: it does not change from one version to the next.
TEST_F(Names, ExportedNameIsTheSameBytesForEver) {
  Name imported = import("TEST\\alice");
  Name name = canonical(imported);
  EXPECT_EQ(exported(name, false),
            std::string("\x04\x01\x00\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
                        "\x00\x00\x00\x12\x00\x04\x00\x00\x00TEST\x05\x00\x00\x00"
                        "alice",
                        38));
}

TEST_F(Names, ExportedNameCutOrLengthenedAnywhere) {
  Name imported = import("TEST\\alice");
  Name name = canonical(imported);
  for (const bool composite : {false, true}) {
    const std::string token = exported(name, composite);
    const gss_OID type = composite ? GSS_C_NT_COMPOSITE_EXPORT : GSS_C_NT_EXPORT_NAME;
    for (std::size_t size = 0; size < token.size(); ++size) {
      EXPECT_TRUE(GSS_ERROR(canonicalize(token.substr(0, size), type))) << size;
    }
    EXPECT_TRUE(GSS_ERROR(canonicalize(token + "x", type)));
  }
}

using Values = std::vector<std::string>;

// All values of an attribute; none and the status in *major when it is not there.
Values values_of(gss_name_t name, std::string_view attribute, int* authenticated = nullptr,
                 OM_uint32* major = nullptr) {
  Values values;
  gss_buffer_desc wanted = buffer(attribute);
  for (int more = -1; more != 0;) {
    Buffer value, display;
    OM_uint32 minor = 0;
    int complete = 0, sure = 0;
    const OM_uint32 status = gss_get_name_attribute(&minor, name, &wanted, &sure, &complete,
                                                    value.out(), display.out(), &more);
    if (major != nullptr) {
      *major = status;
    }
    if (status != GSS_S_COMPLETE) {
      EXPECT_EQ(more, 0);
      break;
    }
    EXPECT_EQ(complete, 1);
    EXPECT_EQ(text(value), text(display));
    if (authenticated != nullptr) {
      *authenticated = sure;
    }
    values.push_back(text(value));
  }
  return values;
}

TEST_F(Names, AProvenNameHasItsAttributesAndSaysThatTheyAreProven) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  gss_name_t name = exchange->source.get();
  int sure = 0;
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_ACCOUNT, &sure), Values{"alice"});
  EXPECT_EQ(sure, 1);
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_DOMAIN), Values{"TEST"});
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_VERSION), Values{"NTLMv2"});
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_MIC), Values{"verified"});
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_TARGET), Values{"HTTP/host.test.example"});
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_LOCAL_USER), Values{"alice"});
  EXPECT_EQ(values_of(name, GSS_NTLM_ATTR_WORKSTATION, &sure), Values{"HOST"});
  EXPECT_EQ(sure, 0) << "the peer's word alone";
  OM_uint32 major = 0;
  EXPECT_EQ(values_of(name, "urn:gss-ntlm:nonsense", nullptr, &major), Values{});
  EXPECT_EQ(major, GSS_S_UNAVAILABLE);
  BufferSet listed;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_inquire_name(&minor, name, nullptr, nullptr, listed.out()), GSS_S_COMPLETE);
  for (std::size_t i = 0; i < listed.get()->count; ++i) {
    const gss_buffer_desc& one = listed.get()->elements[i];
    EXPECT_FALSE(values_of(name, {static_cast<char*>(one.value), one.length}).empty());
  }
  EXPECT_GE(listed.get()->count, 8U);
}

TEST_F(Names, AttributesOfACompositeNameAreClaims) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  const std::string token = exported(exchange->source, true);
  Name back = import(token, GSS_C_NT_COMPOSITE_EXPORT);
  int sure = 1;
  EXPECT_EQ(values_of(back.get(), GSS_NTLM_ATTR_VERSION, &sure), Values{"NTLMv2"});
  EXPECT_EQ(sure, 0);
  EXPECT_EQ(values_of(back.get(), GSS_NTLM_ATTR_ACCOUNT, &sure), Values{"alice"});
  EXPECT_EQ(sure, 0);
}

std::string local_name(gss_name_t name, OM_uint32* major = nullptr) {
  Buffer out;
  OM_uint32 minor = 0;
  const OM_uint32 status = gss_localname(&minor, name, &g_ntlm, out.out());
  if (major != nullptr) {
    *major = status;
  }
  return text(out);
}

TEST_F(Names, AnotherDomainsUserIsNotTheLocalUserOfThatName) {
  Name root = import("EVIL\\root"), own = import("TEST\\alice"), host = import("HOST\\alice"),
       bare = import("alice");
  Name a = canonical(root), b = canonical(own), c = canonical(host), d = canonical(bare);
  EXPECT_EQ(local_name(a.get()), "EVIL\\root");
  EXPECT_EQ(local_name(b.get()), "alice");
  EXPECT_EQ(local_name(c.get()), "alice");
  EXPECT_EQ(local_name(d.get()), "alice");
  EXPECT_EQ(gss_userok(a.get(), "root"), 0);
  EXPECT_EQ(gss_userok(b.get(), "alice"), 1);
  EXPECT_EQ(gss_userok(b.get(), "bob"), 0);
}

TEST_F(Names, AServiceIsNoLocalUser) {
  Name service = import("host@host.test.example", GSS_C_NT_HOSTBASED_SERVICE);
  Name name = canonical(service);
  OM_uint32 major = 0;
  EXPECT_EQ(local_name(name.get(), &major), "");
  EXPECT_EQ(major, GSS_S_UNAVAILABLE);
  EXPECT_EQ(gss_userok(name.get(), "host"), 0);
}

}  // namespace
}  // namespace ntlm::test
