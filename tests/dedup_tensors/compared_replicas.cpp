// `==` of a pair, a tuple or a container is there whatever its parts have: plain calls, which compare no replicas, did
// not compile with a map of tensors. And items behind pointers were compared by their addresses. Now `==` is used only
// where it can be called.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

using test::contains;

namespace {

// Has no ==.
struct bare_tensor {
  int data = 0;
};

// Its == compares element by element, and gives a tensor.
struct elementwise_tensor {
  int data = 0;
  [[maybe_unused]] friend elementwise_tensor operator==(const elementwise_tensor& a, const elementwise_tensor& b) {
    return {a.data == b.data ? 1 : 0};
  }
};

struct tensor {
  int data = 0;
  friend bool operator==(const tensor&, const tensor&) = default;
};

// Its == is there and deleted, as a defaulted one is for lack of that of a member.
struct holder_of_bare {
  std::string index;
  bare_tensor data;
  friend bool operator==(const holder_of_bare&, const holder_of_bare&) = delete;
};

struct elementwise_item {
  std::string index;
  elementwise_tensor data;
  [[maybe_unused]] friend elementwise_tensor operator==(const elementwise_item& a, const elementwise_item& b) {
    return a.data == b.data;
  }
};

template <class Item>
struct plan {
  std::vector<Item> items;
};

template <class Payload>
using tuple_item = std::tuple<std::string, Payload>;
template <class Payload>
using pair_item = std::pair<std::string, std::vector<Payload>>;
template <class Payload>
using variant_item = std::variant<std::string, std::pair<std::string, Payload>>;

// Its index has no text.
struct unnamed_item {
  struct key {
    int number = 0;
    friend bool operator==(const key&, const key&) = default;
  };
  key index;
  int data = 0;
  friend bool operator==(const unnamed_item&, const unnamed_item&) = default;
};

const dcp::options check{.check_replicas = true};

template <class Plans>
void require_dedups_but_cannot_check(Plans plans) {
  REQUIRE(dcp::find_duplicates(plans).size() == 1);
  std::string message;
  try {
    static_cast<void>(dcp::find_duplicates(plans, check));
  } catch (const std::invalid_argument& refused) {
    message = refused.what();
  }
  REQUIRE(contains(message, "same_data"));
}

template <class Plans>
std::string message_of(const Plans& plans) {
  try {
    static_cast<void>(dcp::find_duplicates(plans, check));
  } catch (const dcp::conflict_error& error) {
    return error.what();
  }
  return {};
}

template <class Plans>
void require_equal_and_conflict(const Plans& equal, const Plans& different) {
  REQUIRE(dcp::find_duplicates(equal, check).size() == 1);
  REQUIRE_THROWS_AS(dcp::find_duplicates(different, check), dcp::conflict_error);
}

}  // namespace

template <>
struct dcp::write_item_traits<unnamed_item> {
  static std::size_t hash(const unnamed_item::key& index) { return static_cast<std::size_t>(index.number); }
};
template <class Payload>
struct dcp::write_item_traits<tuple_item<Payload>> {
  static const std::string& index(const tuple_item<Payload>& item) { return std::get<0>(item); }
};
template <class Payload>
struct dcp::write_item_traits<std::pair<std::string, std::vector<Payload>>> {
  static const std::string& index(const pair_item<Payload>& item) { return item.first; }
};
template <class Payload>
struct dcp::write_item_traits<std::variant<std::string, std::pair<std::string, Payload>>> {
  static const std::string& index(const variant_item<Payload>& item) {
    return item.index() == 0 ? std::get<0>(item) : std::get<1>(item).first;
  }
};

TEST_CASE("items whose == is there only in name are deduplicated, and not checked") {
  require_dedups_but_cannot_check(std::vector<std::map<std::string, bare_tensor>>{{{"a", {}}}, {{"a", {}}}});
  require_dedups_but_cannot_check(std::vector<plan<tuple_item<bare_tensor>>>{{{{"a", {}}}}, {{{"a", {}}}}});
  require_dedups_but_cannot_check(std::vector<plan<pair_item<bare_tensor>>>{{{{"a", {{}}}}}, {{{"a", {{}}}}}});
  require_dedups_but_cannot_check(
      std::vector<plan<pair_item<std::optional<bare_tensor>>>>{{{{"a", {{}}}}}, {{{"a", {{}}}}}});
  require_dedups_but_cannot_check(std::vector<plan<variant_item<bare_tensor>>>{{{"a"}}, {{"a"}}});
  require_dedups_but_cannot_check(std::vector<plan<holder_of_bare>>{{{{"a", {}}}}, {{{"a", {}}}}});
}

TEST_CASE("items whose == gives no bool are deduplicated, and not checked") {
  require_dedups_but_cannot_check(std::vector<plan<elementwise_item>>{{{{"a", {}}}}, {{{"a", {}}}}});
  require_dedups_but_cannot_check(std::vector<std::map<std::string, elementwise_tensor>>{{{"a", {}}}, {{"a", {}}}});
}

TEST_CASE("without check_replicas items without == are deduplicated in every way") {
  std::vector<std::map<std::string, bare_tensor>> plans{{{"a", {1}}}, {{"a", {2}}, {"b", {3}}}};
  REQUIRE(dcp::dedup_tensors(plans)[1].size() == 1);
  dcp::erase_duplicates(plans, dcp::find_duplicates(plans));
  REQUIRE(plans[1].size() == 1);
}

TEST_CASE("what cannot be checked is refused before anything is changed") {
  std::vector<std::map<std::string, bare_tensor>> plans{{{"a", {1}}}, {{"a", {2}}}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans), check), std::invalid_argument);
  REQUIRE(plans[1].size() == 1);
}

TEST_CASE("pairs, tuples and variants whose parts all have == are compared") {
  require_equal_and_conflict(std::vector<plan<tuple_item<tensor>>>{{{{"a", {1}}}}, {{{"a", {1}}}}},
                             std::vector<plan<tuple_item<tensor>>>{{{{"a", {1}}}}, {{{"a", {2}}}}});
  require_equal_and_conflict(std::vector<plan<pair_item<tensor>>>{{{{"a", {{1}}}}}, {{{"a", {{1}}}}}},
                             std::vector<plan<pair_item<tensor>>>{{{{"a", {{1}}}}}, {{{"a", {{2}}}}}});
  require_equal_and_conflict(std::vector<plan<variant_item<tensor>>>{{{"a"}}, {{"a"}}},
                             std::vector<plan<variant_item<tensor>>>{{{"a"}}, {{std::pair("a", tensor{1})}}});
}

TEST_CASE("a map's entries are compared by their values") {
  require_equal_and_conflict(std::vector<std::map<std::string, tensor>>{{{"a", {1}}}, {{"a", {1}}}},
                             std::vector<std::map<std::string, tensor>>{{{"a", {1}}}, {{"a", {2}}}});
}

TEST_CASE("items behind pointers are compared, not their addresses") {
  using shared_plan = plan<std::shared_ptr<test::item>>;
  const auto item = [](int data) { return std::make_shared<test::item>(test::item{"a", data}); };
  require_equal_and_conflict(std::vector<shared_plan>{{{item(1)}}, {{item(1)}}},
                             std::vector<shared_plan>{{{item(1)}}, {{item(2)}}});

  using pointer_map = std::map<std::string, std::unique_ptr<tensor>>;
  std::vector<pointer_map> maps(2);
  for (pointer_map& each : maps) each["a"] = std::make_unique<tensor>(tensor{1});
  REQUIRE_NOTHROW(dcp::find_duplicates(maps, check));
  maps[1]["a"]->data = 2;
  REQUIRE_THROWS_AS(dcp::find_duplicates(maps, check), dcp::conflict_error);
}

TEST_CASE("the message of a conflict_error says which item of which plan") {
  const std::vector<plan<test::item>> plans{{{{"a"}, {"b", 1}}}, {{}}, {{{"x"}, {"y"}, {"b", 2}}}};
  REQUIRE(message_of(plans) == "dcp: 1 replica differs from its kept item:\n  'b': plan 2, item 2 and plan 0, item 1");
}

TEST_CASE("an index that cannot be printed is shown in a conflict by its position in the plan") {
  const std::vector<plan<unnamed_item>> plans{{{{{7}, 1}}}, {{{{8}, 1}, {{9}, 1}, {{7}, 2}}}};
  REQUIRE(contains(message_of(plans), "\n  #2: plan 1, item 2 and plan 0, item 0"));
}
