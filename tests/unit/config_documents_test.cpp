// SPDX-License-Identifier: MIT
// What an administrator reads, ntlm.conf(5) and the shipped sample, against the one table of keys.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/config.h"
#include "support/temporary_directory.h"

namespace ntlm {
namespace {

using Kind = ConfigKey::Kind;

std::string document(const std::string& name) {
  std::ifstream in(std::string(NTLM_CONF_DIR) + "/" + name);
  EXPECT_TRUE(in) << name;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string default_of(const ConfigKey& key) {
  return *key.default_value == '\0' ? "\"\"" : key.default_value;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Sections with their keys as the table has them, the sample's way.
std::string sample_of_the_table() {
  std::string out;
  std::string section;
  for (const ConfigKey& key : Config::keys()) {
    if (section != key.section) {
      section = key.section;
      out += "\n[" + section + "]\n";
    }
    out += std::string("    # ") + key.summary + "\n";
    if (*key.choices != '\0' && key.kind != Kind::kWords) {
      out += "    # " + replaced(key.choices, "|", " | ") + "\n";
    }
    out += std::string("    #") + key.name + " = " + default_of(key) + "\n";
  }
  return out;
}

TEST(ConfigSample, IsTheTable) {
  const std::string sample = document("ntlm.conf");
  const std::size_t start = sample.find("\n[");
  ASSERT_NE(start, sample.npos);
  EXPECT_EQ(sample.substr(start), sample_of_the_table());
}

// Values that stand behind "#" at once; text has a blank there.
std::string uncommented_of(const std::string& sample) {
  return replaced(replaced(sample, "\n    #", "\n    "), "\n     ", "\n    # ");
}

TEST(ConfigSample, IsGoodAsShippedAndWithEveryKeyUncommented) {
  const test::TemporaryDirectory directory;
  const std::string sample = document("ntlm.conf");
  const std::string uncommented = uncommented_of(sample);
  const Config defaults;
  for (const std::string& text : {sample, uncommented}) {
    const auto config = Config::load(directory.write("ntlm.conf", text));
    ASSERT_TRUE(config) << config.error();
    for (const ConfigKey& key : Config::keys()) {
      EXPECT_EQ(config->text(key.section, key.name), defaults.text(key.section, key.name));
      EXPECT_EQ(config->is_set(key.section, key.name), text == uncommented) << key.name;
    }
  }
}

TEST(DaemonSample, IsGoodAsShippedAndWithEveryKeyUncommented) {
  const test::TemporaryDirectory directory;
  const std::string sample = document("ntlm-authd.conf");
  for (const std::string& text : {sample, uncommented_of(sample)}) {
    const auto config = Config::load(directory.write("ntlm-authd.conf", text));
    ASSERT_TRUE(config) << config.error();
    EXPECT_EQ(config->list("ntlm", "store").front(), "lmdb:/var/lib/ntlm-authd/accounts");
  }
}

// The page's part about one key: from its item to the next one of this or the next section.
struct Item {
  std::string section, name, text;
};
std::vector<Item> items_of_the_page() {
  std::vector<Item> items;
  std::string section;
  std::istringstream page(document("man/ntlm.conf.5"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(".Ss Section ")) {
      section = line.substr(12);
    } else if (line.starts_with(".Sh ")) {
      section.clear();
    } else if (!section.empty() && line.starts_with(".It Ic ")) {
      items.push_back({section, line.substr(7, line.find(' ', 7) - 7), ""});
    }
    if (!section.empty() && !items.empty()) {
      items.back().text += line + "\n";
    }
  }
  return items;
}

TEST(ConfigPage, HasEveryKeyInTheTablesOrder) {
  const auto items = items_of_the_page();
  const auto keys = Config::keys();
  ASSERT_EQ(items.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(items[i].section, keys[i].section);
    EXPECT_EQ(items[i].name, keys[i].name);
  }
}

TEST(ConfigPage, TellsEveryDefaultAndChoice) {
  const auto items = items_of_the_page();
  for (const ConfigKey& key : Config::keys()) {
    const auto item = std::find_if(items.begin(), items.end(), [&](const Item& i) {
      return i.section == key.section && i.name == key.name;
    });
    if (item == items.end()) {
      ADD_FAILURE() << key.name << " is not there";
      continue;
    }
    std::string normal = replaced(default_of(key), "\\", "\\e");
    normal = replaced(normal, "\"", "\\(dq");
    const bool sentence =
        item->text.find("The default is\n.Cm " + normal + " .") != std::string::npos;
    const bool clause = item->text.find("The default,\n.Cm " + normal + " ,") != std::string::npos;
    EXPECT_TRUE(sentence || clause) << key.name;
    if (key.kind == Kind::kChoice) {
      const std::string choices = replaced(replaced(key.choices, "\\", "\\e"), "|", " | ");
      EXPECT_TRUE(item->text.starts_with(".It Ic " + item->name + " No = Cm " + choices + "\n"))
          << key.name;
    } else if (key.kind == Kind::kFlag) {
      EXPECT_TRUE(item->text.starts_with(".It Ic " + item->name + " No = Cm yes | no\n"))
          << key.name;
    } else if (key.kind == Kind::kNumber) {
      const std::string range = replaced(key.choices, "..", " to ");
      EXPECT_NE(replaced(item->text, "\n", " ").find(range), std::string::npos) << key.name;
    } else if (key.kind == Kind::kWords) {
      std::istringstream words(replaced(key.choices, "|", " "));
      for (std::string word; words >> word;) {
        EXPECT_NE(item->text.find(".Dv " + word + " "), std::string::npos) << word;
      }
    }
  }
}

// ".Ic require_mic No = Cm yes" for what a profile sets, after its own name.
TEST(ConfigPage, TellsWhatAProfileSets) {
  const auto items = items_of_the_page();
  const auto item =
      std::find_if(items.begin(), items.end(), [](const Item& i) { return i.name == "profile"; });
  ASSERT_NE(item, items.end());
  const Config defaults;
  for (const std::string profile : {"hardened", "compat"}) {
    const Config config(profile);
    const std::size_t start = item->text.find(".Cm " + profile + "\nsets\n");
    ASSERT_NE(start, std::string::npos) << profile;
    const std::string told = item->text.substr(start, item->text.find(" .\n", start) - start + 3);
    std::size_t settings = 0;
    for (const ConfigKey& key : Config::keys()) {
      const std::string_view value = config.text(key.section, key.name);
      if (std::string_view(key.name) != "profile" &&
          value != defaults.text(key.section, key.name)) {
        ++settings;
        EXPECT_NE(told.find(".Ic " + std::string(key.name) + " No = Cm " + std::string(value)),
                  std::string::npos)
            << profile << " sets " << key.name;
      }
    }
    std::size_t named = 0;
    for (std::size_t at = 0; (at = told.find(".Ic ", at)) != told.npos; ++at) {
      ++named;
    }
    EXPECT_EQ(named, settings) << profile;
  }
}

// Every "[policy] ntlm_in_fips" in a text: the section and the key.
std::vector<std::pair<std::string, std::string>> keys_named_in(const std::string& text) {
  std::set<std::string> sections;
  for (const ConfigKey& key : Config::keys()) {
    sections.insert(key.section);
  }
  std::vector<std::pair<std::string, std::string>> named;
  for (const std::string& section : sections) {
    const std::string head = "[" + section + "] ";
    for (std::size_t at = 0; (at = text.find(head, at)) != text.npos;) {
      at += head.size();
      const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at);
      if (end != at) {
        named.emplace_back(section, text.substr(at, end - at));
      }
    }
  }
  return named;
}

// In a sentence of ours: an unknown key in the file would end all logons.
TEST(ConfigMessages, NameKeysThatThereAre) {
  std::size_t found = 0;
  for (const char* folder : {"/mech", "/sspi_compat"}) {
    const std::filesystem::recursive_directory_iterator files(NTLM_CONF_DIR "/.." +
                                                              std::string(folder));
    for (const auto& file : files) {
      if (file.path().extension() != ".cpp") {
        continue;
      }
      std::ifstream in(file.path());
      std::stringstream source;
      source << in.rdbuf();
      for (const auto& [section, name] : keys_named_in(source.str())) {
        const auto keys = Config::keys();
        EXPECT_TRUE(std::any_of(
            keys.begin(), keys.end(),
            [&](const ConfigKey& key) { return section == key.section && name == key.name; }))
            << file.path() << ": [" << section << "] " << name;
        ++found;
      }
    }
  }
  EXPECT_GT(found, 20u);
}

}  // namespace
}  // namespace ntlm
