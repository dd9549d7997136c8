// What the program tells people on standard error.

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

#include "../dedup_plans_program.hpp"
#include "../plans.hpp"

namespace summary_test {

using namespace test;

TEST_CASE("dedup_plans tells people on standard error what it has saved, by rank and in all") {
  // 20 tensors of 1 KiB by rank 0; 12 of them again, and 5 of its own, by rank 1: of 37 KiB 12 go, which is 32.4 %.
  std::string dump = "plan\t0\n";
  const auto tensor = [](int i) { return "layer." + std::to_string(i) + "\t0\ttensor\tfloat32\t256\t256\t-\n"; };
  for (int i = 0; i != 20; ++i) dump += tensor(i);
  dump += "plan\t1\n";
  for (int i = 8; i != 25; ++i) dump += tensor(i);

  const outcome result = run({"-"}, dump);

  REQUIRE(result.status == 0);
  INFO(result.err);
  // A line that has these words, in this order, among others.
  const auto has_line = [&](const std::vector<std::string>& words) {
    std::istringstream in(result.err);
    for (std::string line; std::getline(in, line);) {
      std::istringstream line_words(line);
      auto next = words.begin();
      for (std::string word; next != words.end() && line_words >> word;)
        if (word == *next) ++next;
      if (next == words.end()) return true;
    }
    return false;
  };
  REQUIRE(has_line({"0", "20", "20"}));
  REQUIRE(has_line({"1", "17", "5"}));
  REQUIRE(has_line({"37", "25"}));
  REQUIRE(contains(result.err, "32.4"));
  REQUIRE_FALSE(contains(result.out, "32.4"));
}

TEST_CASE("the summary has a legend, and fits in 80 columns for one policy and in 100 for two") {
  std::string long_names;
  for (int i = 0; i != 30; ++i)
    long_names.append(70, static_cast<char>('a' + i % 26))
        .append(".\xC3\xA9.w\t0\ttensor\tint8\t")
        .append(std::to_string(1023 + i))
        .append("\t")
        .append(std::to_string(1023 + i))
        .append("\t-\n");
  std::vector<std::string> dumps{good_dump, "", "plan\t0\n", "plan\t0\n" + long_names + "plan\t1\n" + long_names};
  for (const std::string name : real_dumps) dumps.push_back(content_of(fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")));
  for (const std::string& dump : dumps) {
    const std::string one = run({"-"}, dump).err;
    REQUIRE(contains(one, "█ the plan writes it"));
    REQUIRE(contains(one, "░ it is left to another plan"));
    for (const std::string& line : lines_of(one)) {
      INFO(line);
      REQUIRE(columns(line) <= 80);
      REQUIRE_FALSE(line.ends_with(' '));
    }
    for (const std::string& line : lines_of(run({"--keep", "balanced", "-"}, dump).err)) {
      INFO(line);
      REQUIRE(columns(line) <= 100);
    }
  }
}

TEST_CASE("the summary lists the names with the most bytes that are left to other plans, without their numbers") {
  std::string items = "small\t-\tbyte_io\t-\t-\t-\t5\n";
  for (int layer = 0; layer != 32; ++layer)
    items += "layers." + std::to_string(layer) + ".attention.wq.weight\t0\ttensor\tint8\t1024\t1024\t-\n";
  items += "w1/12/b\t-\tbyte_io\t-\t-\t-\t77\nw1/3/b\t-\tbyte_io\t-\t-\t-\t77\nw2\t-\tbyte_io\t-\t-\t-\t99\n";
  const outcome result = run({"-"}, "plan\t0\n" + items + "plan\t1\n" + items + "plan\t2\n" + items);
  INFO(result.err);
  const std::vector<std::string> lines = lines_of(result.err);
  std::size_t at = 0;
  while (at != lines.size() && !contains(lines[at], "left to other plans, most bytes first")) ++at;
  REQUIRE(at + 4 < lines.size());
  REQUIRE(lines[at + 1] == "  layers.*.attention.wq.weight: 64 items, 2 plans");
  REQUIRE(lines[at + 2] == "  w1/*/b: 4 items, 2 plans");
  REQUIRE(lines[at + 3] == "  w2: 2 items, 2 plans");
  REQUIRE(lines[at + 4] == "  small: 2 items, 2 plans");
}

TEST_CASE("the summary lists ten names at most, and none where nothing is left to others") {
  std::string items;
  for (char c = 'a'; c <= 'z'; ++c)
    items.append(1, c).append("\t-\tbyte_io\t-\t-\t-\t").append(std::to_string(c)).append("\n");
  const std::string err = run({"-"}, "plan\t0\n" + items + "plan\t1\n" + items).err;
  INFO(err);
  std::size_t names = 0;
  for (const std::string& line : lines_of(err)) names += contains(line, ": 1 item, 1 plan") ? 1 : 0;
  REQUIRE(names == 10);
  REQUIRE(contains(err, "  z: 1 item, 1 plan\n"));
  REQUIRE(contains(err, "  q: 1 item, 1 plan\n"));
  REQUIRE_FALSE(contains(run({"-"}, "plan\t0\n" + items).err, "left to other plans"));
}

TEST_CASE("the summary shows no control characters of a name to the terminal") {
  const std::string item = "a\x1b[31mb\t-\tbyte_io\t-\t-\t-\t5\n";
  const std::string err = run({"-"}, "plan\t0\n" + item + "plan\t1\n" + item).err;
  REQUIRE_FALSE(contains(err, "\x1b"));
  REQUIRE(contains(err, "a?[31mb"));
}

TEST_CASE("the summary cuts a long name in its middle, between two characters") {
  for (std::size_t shift = 0; shift != 4; ++shift) {
    std::string name(shift, 'x');
    for (int i = 0; i != 60; ++i) name += "\xC3\xA9";
    const std::string item = name + "\t-\tbyte_io\t-\t-\t-\t5\n";
    const std::string line = line_with(run({"-"}, "plan\t0\n" + item + "plan\t1\n" + item).err, "...");
    REQUIRE(line.ends_with("\xC3\xA9: 1 item, 1 plan"));
    const std::string before = line.substr(2, line.find("...") - 2);
    const std::string after = line.substr(line.find("...") + 3);
    REQUIRE(name.starts_with(before));
    REQUIRE((before.size() - shift) % 2 == 0);
    REQUIRE(after.starts_with("\xC3"));
  }
}

TEST_CASE("the summary takes tensors that no machine could hold") {
  std::string size = "9223372036854775807";
  for (int i = 0; i != 20; ++i) size += ",9223372036854775807";
  const std::string items = "w\t" + size + "\tshard\tint8\t" + size + "\t" + size + "\t-\n";
  const outcome result = run({"-"}, "plan\t0\n" + items + "plan\t1\n");
  INFO(result.err);
  REQUIRE(result.status == 0);
  REQUIRE_FALSE(contains(result.err, "nan"));
}

TEST_CASE("the summary has a row for each of 32 ranks, and of more the first, the fullest and the emptiest") {
  const auto rows_of = [](int ranks) {
    std::string dump;
    for (int rank = 0; rank != ranks; ++rank)
      dump += "plan\t" + std::to_string(rank) + "\nown." + std::to_string(rank) + "\t-\tbyte_io\t-\t-\t-\t" +
              std::to_string(1 + rank * 7 % ranks) + '\n';
    std::vector<std::string> rows;
    for (const std::string& line : lines_of(run({"-"}, dump).err)) {
      if (line.starts_with("█")) break;
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word == "the") words >> word;
      rows.push_back(word);
    }
    return rows;
  };
  REQUIRE(rows_of(32).size() == 34);  // with a title and the totals
  // Of 40 ranks, rank 7 * 17 % 40 = 39 has the most bytes: 7 has the inverse 23, so rank 23 * (bytes - 1) % 40 has them.
  REQUIRE(rows_of(40) == std::vector<std::string>{"rank", "0", "1", "2", "3", "fullest:", "17", "34", "11", "28",
                                                  "emptiest:", "29", "6", "23", "0", "all"});
}

// ------------------------------------------------------------------------------------------- what a replica lacks

std::string items_of(const std::string& names) {
  std::string items;
  std::istringstream words(names);
  for (std::string word; words >> word;) items += word + "\t-\tbyte_io\t-\t-\t-\t5\n";
  return items;
}

// The remark's lines, of plans of these names.
std::vector<std::string> remarks(const std::vector<std::string>& plans) {
  std::string dump;
  for (const std::string& names : plans)
    dump += "plan\t" + std::to_string(&names - plans.data()) + "\n" + items_of(names);
  const outcome result = run({"-"}, dump);
  REQUIRE(result.status == 0);
  std::vector<std::string> found;
  bool is_remark = false;
  for (const std::string& line : lines_of(result.err)) {
    if (is_remark && line.starts_with("  ")) found.push_back(line.substr(2));
    else is_remark = line == "remark: names that some replicas have and others lack:";
  }
  return found;
}

using strings = std::vector<std::string>;

TEST_CASE("the summary remarks on a name that a replica lacks") {
  REQUIRE(remarks({"a b c", "a b"}) == strings{"c: in plan 0, not in plan 1"});
  REQUIRE(remarks({"a b", "a b c"}) == strings{"c: in plan 1, not in plan 0"});
  REQUIRE(remarks({"a b c", "a b c", "a c", "a b c"}) == strings{"b: in plan 0 and 2 others, not in plan 2"});
  REQUIRE(remarks({"a b c d", "a b d", "a b c d"}) == strings{"c: in plan 0 and 1 other, not in plan 1"});
  // Two sets of replicas, and names that both have.
  REQUIRE(remarks({"s p q r", "s x y z", "s p q r", "s x y"}) == strings{"z: in plan 1, not in plan 3"});
  REQUIRE(remarks({"h.0.w h.1.w h.2.w h.3.w a", "h.0.w h.1.w a"}) == strings{"h.*.w: in plan 0, not in plan 1"});
}

TEST_CASE("a plan that has a name under another offset, even as an empty item, does not lack it") {
  const std::string others = "a\t-\tbyte_io\t-\t-\t-\t5\nb\t-\tbyte_io\t-\t-\t-\t5\nc\t-\tbyte_io\t-\t-\t-\t5\n";
  const std::string halves = "w\t0\tshard\tint8\t4\t8\t-\nw\t4\tshard\tint8\t4\t8\t-\n";
  for (const std::string w : {"w\t8\tshard\tint8\t0\t8\t-\n", "w\t0\tshard\tint8\t4\t8\t-\n"}) {
    const outcome result = run({"-"}, "plan\t0\n" + others + halves + "plan\t1\n" + others + w);
    INFO(result.err);
    REQUIRE_FALSE(contains(result.err, "remark"));
  }
  REQUIRE(
      contains(run({"-"}, "plan\t0\n" + others + halves + "plan\t1\n" + others).err, "  w: in plan 0, not in plan 1"));
}

TEST_CASE("the summary remarks on nothing where each replica has what is its own, or plans are no replicas") {
  REQUIRE(remarks({"a b c", "a b c"}).empty());
  REQUIRE(remarks({"a b c rng.0", "a b c rng.1"}).empty());
  REQUIRE(remarks({"a b c rank0", "a b c rank1", "a b c rank2"}).empty());
  REQUIRE(remarks({"a b c", "d e f"}).empty());
  REQUIRE(remarks({"s a b c", "s d e f"}).empty());
  REQUIRE(remarks({"a b t1 t2 t3 t4 t5", "a b t1 t2 t3 t4 t5", "a b", "a b"}).empty());
  REQUIRE(remarks({"", ""}).empty());
  REQUIRE(remarks({}).empty());
  for (const std::string name : real_dumps)
    REQUIRE_FALSE(contains(run({(fs::path(DCP_EXAMPLE_PLANS) / (name + ".tsv")).string()}).err, "remark"));
}

}  // namespace summary_test
