// SPDX-License-Identifier: MIT
// The smallest native program.
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  std::vector<std::string> words;
  std::thread t([&] { words.push_back("thread"); });
  t.join();
  std::printf("hello from %s %s\n", argc > 0 ? argv[0] : "?", words[0].c_str());
  return 0;
}
