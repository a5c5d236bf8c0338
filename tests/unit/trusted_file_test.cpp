// SPDX-License-Identifier: MIT
#include "base/trusted_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "support/temporary_directory.h"

namespace {
// What somebody else does between the opening of a regular file and the look at it.
std::function<void()> g_meanwhile;
}  // namespace

// Instead of the system's (see ntlm_unit_test).
extern "C" int __real_fstat(int fd, struct stat* status);
extern "C" int __wrap_fstat(int fd, struct stat* status);
extern "C" int __wrap_fstat(int fd, struct stat* status) {
  const int answer = __real_fstat(fd, status);
  if (answer != 0 || !S_ISREG(status->st_mode) || !g_meanwhile) {
    return answer;
  }
  g_meanwhile();
  return __real_fstat(fd, status);
}

namespace ntlm {
namespace {

using test::TemporaryDirectory;

std::string text_of(const SecretBytes& bytes) { return {bytes.begin(), bytes.end()}; }

class TrustedFileTest : public testing::Test {
 protected:
  // Both ways of asking must say the same.
  std::string refusal(const std::string& path, Trust trust = Trust::kSecret) {
    const auto opened = open_trusted(path, trust);
    const auto checked = check_trusted(path, trust);
    EXPECT_EQ(opened.has_value(), checked.has_value()) << path;
    if (opened || checked) {
      return {};
    }
    EXPECT_EQ(opened.error(), checked.error());
    return opened.error();
  }
  void make_directory(const std::string& name, mode_t mode) {
    ASSERT_EQ(::mkdir(directory_.path(name).c_str(), 0700), 0);
    ASSERT_EQ(::chmod(directory_.path(name).c_str(), mode), 0);
  }
  TemporaryDirectory directory_;
};

TEST_F(TrustedFileTest, PrivateFileBelowAStickyDirectoryIsRead) {
  const std::string path = directory_.write("users", "DOM:user:secret\n");
  const auto file = open_trusted(path, Trust::kSecret);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(text_of(read_trusted(*file).value()), "DOM:user:secret\n");
  EXPECT_TRUE(check_trusted(path, Trust::kSecret));
}

TEST_F(TrustedFileTest, ModeDecides) {
  const struct {
    mode_t mode;
    bool secret, configuration;
  } rows[] = {{0600, true, true},   {0400, true, true},   {0640, true, true},
              {0440, true, true},   {0644, false, true},  {0604, false, true},
              {0660, false, false}, {0620, false, false}, {0602, false, false},
              {0666, false, false}, {0601, false, true}};
  for (const auto& row : rows) {
    const std::string path = directory_.write("file" + std::to_string(row.mode), "x", row.mode);
    EXPECT_EQ(refusal(path, Trust::kSecret).empty(), row.secret) << std::oct << row.mode;
    EXPECT_EQ(refusal(path, Trust::kConfiguration).empty(), row.configuration)
        << std::oct << row.mode;
  }
}

TEST_F(TrustedFileTest, MessagesNameThePathAndTheCure) {
  std::string path = directory_.write("users", "x", 0644);
  EXPECT_EQ(refusal(path), path + ": mode 0644 lets others read it; chmod 0640");
  path = directory_.write("users", "x", 0660);
  EXPECT_EQ(refusal(path), path + ": mode 0660 lets others write it; chmod go-w");
}

TEST_F(TrustedFileTest, SymbolicLinkIsRefused) {
  directory_.write("real", "x");
  const std::string link = directory_.path("link");
  ASSERT_EQ(::symlink("real", link.c_str()), 0);
  EXPECT_EQ(refusal(link), link + ": a symbolic link; name the file that it points to");
  const std::string dangling = directory_.path("dangling");
  ASSERT_EQ(::symlink("nothing", dangling.c_str()), 0);
  EXPECT_EQ(refusal(dangling), dangling + ": a symbolic link; name the file that it points to");
}

TEST_F(TrustedFileTest, SymbolicLinkAmongTheDirectoriesIsRefused) {
  make_directory("real", 0700);
  directory_.write("real/users", "x");
  ASSERT_EQ(::symlink("real", directory_.path("link").c_str()), 0);
  EXPECT_EQ(refusal(directory_.path("link/users")),
            directory_.path("link") + ": a symbolic link; name the directory that it points to");
}

TEST_F(TrustedFileTest, SecondHardLinkIsRefused) {
  const std::string path = directory_.write("users", "x");
  ASSERT_EQ(::link(path.c_str(), directory_.path("second").c_str()), 0);
  EXPECT_EQ(refusal(path), path + ": has 2 hard links; one is allowed");
}

TEST_F(TrustedFileTest, NotARegularFile) {
  const std::string fifo = directory_.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(refusal(fifo), fifo + ": not a regular file");  // and does not wait for a writer
  make_directory("folder", 0700);
  EXPECT_EQ(refusal(directory_.path("folder")), directory_.path("folder") + ": not a regular file");
  EXPECT_EQ(refusal("/dev/null"), "/dev/null: not a regular file");
  EXPECT_FALSE(refusal(directory_.write("users", "x") + "/").empty());
  EXPECT_FALSE(refusal(directory_.path("users/x")).empty());
}

TEST_F(TrustedFileTest, DirectoryThatOthersWriteIsRefused) {
  for (const mode_t mode : {mode_t{0777}, mode_t{0770}, mode_t{0720}, mode_t{0702}}) {
    const std::string name = "open" + std::to_string(mode);
    make_directory(name, mode);
    make_directory(name + "/inner", 0700);
    directory_.write(name + "/inner/users", "x");
    EXPECT_NE(
        refusal(directory_.path(name + "/inner/users")).find("replace what is in this directory"),
        std::string::npos);
  }
  make_directory("sticky", 01777);
  directory_.write("sticky/users", "x");
  EXPECT_EQ(refusal(directory_.path("sticky/users")), "");
}

TEST_F(TrustedFileTest, AnotherOwnerIsRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  constexpr uid_t kOther = 65533;
  const std::string path = directory_.write("users", "x");
  ASSERT_EQ(::chown(path.c_str(), kOther, 0), 0);
  EXPECT_EQ(refusal(path), path + ": owned by uid 65533, not by root or uid 0");
  make_directory("theirs", 0700);
  directory_.write("theirs/users", "x");
  ASSERT_EQ(::chown(directory_.path("theirs").c_str(), kOther, 0), 0);
  EXPECT_EQ(refusal(directory_.path("theirs/users")),
            directory_.path("theirs") + ": owned by uid 65533, not by root or uid 0");
}

TEST_F(TrustedFileTest, MissingFile) {
  const std::string path = directory_.path("none");
  const auto opened = open_trusted(path, Trust::kSecret);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), path + ": No such file or directory");
  EXPECT_TRUE(check_trusted(path, Trust::kSecret));  // may be made there
  EXPECT_FALSE(check_trusted(path + "/below", Trust::kSecret));
}

TEST_F(TrustedFileTest, ReplacedWhileItIsOpened) {
  const std::string path = directory_.write("users", "old");
  int looks = 0;
  g_meanwhile = [&] {
    if (++looks < 3) {
      std::filesystem::rename(directory_.write("fresh", "new"), path);
    }
  };
  const auto file = open_trusted(path, Trust::kSecret);
  g_meanwhile = nullptr;
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(text_of(read_trusted(*file).value()), "new");
  EXPECT_EQ(looks, 3);
}

TEST_F(TrustedFileTest, ReplacedAgainAndAgainIsRefused) {
  const std::string path = directory_.write("users", "x");
  int looks = 0;
  g_meanwhile = [&] {
    ++looks;
    std::filesystem::rename(directory_.write("fresh", "x"), path);
  };
  const auto file = open_trusted(path, Trust::kSecret);
  g_meanwhile = nullptr;
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), path + ": deleted or replaced while it was opened");
  EXPECT_EQ(looks, 3);
}

TEST_F(TrustedFileTest, DeletedWhileItIsOpenedIsMissing) {
  const std::string path = directory_.write("users", "x");
  g_meanwhile = [&] { std::filesystem::remove(path); };
  const auto file = open_trusted(path, Trust::kSecret);
  g_meanwhile = nullptr;
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), path + ": No such file or directory");
}

TEST_F(TrustedFileTest, WhatReplacesItIsLookedAt) {
  const std::string path = directory_.write("users", "x");
  int looks = 0;
  g_meanwhile = [&] {
    if (++looks == 1) {
      std::filesystem::rename(directory_.write("fresh", "x", 0644), path);
    }
  };
  const auto file = open_trusted(path, Trust::kSecret);
  g_meanwhile = nullptr;
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), path + ": mode 0644 lets others read it; chmod 0640");
}

TEST_F(TrustedFileTest, PathsThatAreNone) {
  directory_.write("users", "x");
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("/."), directory_.path("../") + "users",
        directory_.path("."), std::string("/tmp\0/x", 7), "/" + std::string(5000, 'x')}) {
    EXPECT_FALSE(refusal(path).empty()) << path.substr(0, 100);
  }
  EXPECT_EQ(refusal("/" + directory_.path("./users")), "");  // extra slashes and dots are harmless
}

TEST_F(TrustedFileTest, RelativePathIsBelowTheWorkingDirectory) {
  directory_.write("users", "x");
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  const auto file = open_trusted("users", Trust::kSecret);
  std::filesystem::current_path(before);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(text_of(read_trusted(*file).value()), "x");
}

TEST_F(TrustedFileTest, LimitOfSize) {
  const std::string path = directory_.write("users", std::string(1000, 'x'));
  const auto file = open_trusted(path, Trust::kSecret);
  ASSERT_TRUE(file);
  EXPECT_EQ(read_trusted(*file, 1000).value().size(), 1000u);
  ASSERT_FALSE(read_trusted(*file, 999));
  EXPECT_EQ(read_trusted(*file, 999).error(), "larger than 999 bytes");
}

TEST_F(TrustedFileTest, GrowthAfterOpeningIsRead) {
  const std::string path = directory_.write("users", "x");
  const auto file = open_trusted(path, Trust::kSecret);
  ASSERT_TRUE(file);
  directory_.write("users", std::string(200000, 'y'));
  EXPECT_EQ(text_of(read_trusted(*file).value()), std::string(200000, 'y'));
}

TEST(FileDescriptorTest, ClosesOnceAndMoves) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(raw, 0);
  {
    FileDescriptor a(raw);
    FileDescriptor b(std::move(a));
    FileDescriptor c;
    c = std::move(b);
    EXPECT_EQ(c.get(), raw);
    EXPECT_GE(::fcntl(raw, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace ntlm
