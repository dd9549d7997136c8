// Items that two plans, or a copy and its original, have in common. Of two plans of an rvalue that shared a container,
// each lost what the other kept; and a copy whose container passed its constness on, but shared its elements, was
// changed together with the original. A container that copies when it is written to shares nothing that matters.

#include <dcp/dedup_tensors.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../plans.hpp"

namespace sharing_test {

using test::item;
using test::lines;

// Its copies refer to the same elements. A const one shows them as const, so its type does not tell.
class shared_items {
 public:
  shared_items() = default;
  shared_items(std::initializer_list<item> content) : content_(std::make_shared<std::vector<item>>(content)) {}

  [[nodiscard]] auto begin() { return content_->begin(); }
  [[nodiscard]] auto end() { return content_->end(); }
  [[nodiscard]] auto begin() const { return content_->cbegin(); }
  [[nodiscard]] auto end() const { return content_->cend(); }
  auto erase(auto first, auto last) { return content_->erase(first, last); }

  friend bool operator==(const shared_items& a, const shared_items& b) { return *a.content_ == *b.content_; }

 private:
  std::shared_ptr<std::vector<item>> content_ = std::make_shared<std::vector<item>>();
};

// Its copies refer to the same elements until one of them is written to: as Qt's containers.
template <class Value>
class copied_on_write {
 public:
  copied_on_write() = default;
  copied_on_write(std::initializer_list<Value> content) : content_(std::make_shared<std::vector<Value>>(content)) {}

  [[nodiscard]] auto begin() { return own().begin(); }
  [[nodiscard]] auto end() { return own().end(); }
  [[nodiscard]] auto begin() const { return content_->cbegin(); }
  [[nodiscard]] auto end() const { return content_->cend(); }
  auto erase(auto first, auto last) { return own().erase(first, last); }

  friend bool operator==(const copied_on_write& a, const copied_on_write& b) { return *a.content_ == *b.content_; }

 private:
  std::vector<Value>& own() {
    if (content_.use_count() != 1) content_ = std::make_shared<std::vector<Value>>(*content_);
    return *content_;
  }

  std::shared_ptr<std::vector<Value>> content_ = std::make_shared<std::vector<Value>>();
};

using shared_plan = test::basic_plan<shared_items>;
using cow_plan = test::basic_plan<copied_on_write<item>>;

const std::vector<item> some_items{{"a", 1}, {"b", 2}};

dcp::duplicates decision_for(const lines& plans) { return dcp::find_duplicates(test::plans_of(plans)); }

TEST_CASE("the copy of plans whose container shares its elements is refused, though it passes its constness on") {
  const std::vector<shared_plan> plans{{{{"a", 1}, {"b", 2}}, 0}, {{{"b", 3}, {"c", 4}}, 1}};

  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans), std::invalid_argument);
  REQUIRE(test::keys_of(plans) == lines{"a b", "b c"});
  REQUIRE(dcp::find_duplicates(plans).size() == 1);
}

TEST_CASE("that copy is refused where nothing is redundant, and where only the last plan is shared") {
  const std::vector<shared_plan> nothing_redundant{{{{"a", 1}}, 0}, {{{"b", 2}}, 1}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(nothing_redundant), std::invalid_argument);

  const std::vector<shared_plan> last{{{}, 0}, {{}, 1}, {{{"b", 2}, {"b", 3}}, 2}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(last), std::invalid_argument);
  REQUIRE(test::keys_of(last) == lines{"", "", "b b"});
}

TEST_CASE("an rvalue of such plans is worked on in place, unless two of them share their elements") {
  std::vector<shared_plan> distinct{{{{"a", 1}, {"b", 2}}, 0}, {{{"b", 3}, {"c", 4}}, 1}};
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(distinct))) == lines{"a b", "c"});

  const shared_items list{{"a", 1}, {"b", 2}};
  std::vector<shared_plan> plans{{list, 0}, {{{"c", 3}}, 1}, {list, 2}};
  REQUIRE_THROWS_AS(dcp::dedup_tensors(plans), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::move(plans)), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, decision_for({"a b", "c", "a b"})), std::invalid_argument);
  REQUIRE(test::keys_of(plans) == lines{"a b", "c", "a b"});
}

TEST_CASE("find_duplicates changes nothing, and so does not mind that plans share their items") {
  const shared_items list{{"a", 1}, {"b", 2}};
  const std::vector<shared_plan> plans{{list, 0}, {list, 1}};
  REQUIRE(dcp::find_duplicates(plans) == decision_for({"a b", "a b"}));

  test::plan one{some_items, 0};
  REQUIRE(dcp::find_duplicates(std::vector{&one, &one}) == decision_for({"a b", "a b"}));
}

TEST_CASE("erase_duplicates refuses plans that share their items before it compares the decision") {
  test::plan one{some_items, 0};
  const std::vector<test::plan*> plans{&one, &one};
  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, dcp::find_duplicates(plans)), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::erase_duplicates(plans, decision_for({"a", "b"})), std::invalid_argument);
  REQUIRE(one.items == some_items);
}

TEST_CASE("a list, a map and pointers of pointers that share one plan are refused") {
  const auto one = std::make_shared<test::plan>(test::plan{some_items, 0});
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::list{one, one}), std::invalid_argument);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::map<int, std::shared_ptr<test::plan>>{{3, one}, {7, one}}),
                    std::invalid_argument);
  const auto outer = std::make_shared<std::shared_ptr<test::plan>>(one);
  const auto other = std::make_shared<std::shared_ptr<test::plan>>(one);
  REQUIRE_THROWS_AS(dcp::dedup_tensors(std::vector{outer, other}), std::invalid_argument);
  REQUIRE(one->items == some_items);
}

TEST_CASE("plans whose items are copied when they are written to are served, as an lvalue and as an rvalue") {
  const std::vector<cow_plan> plans{{{{"a", 1}, {"b", 2}}, 0}, {{{"b", 3}, {"c", 4}}, 1}};
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(test::keys_of(copied) == lines{"a b", "c"});
  REQUIRE(plans == before);

  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(erased));
  REQUIRE(erased == copied);
  REQUIRE(dcp::dedup_tensors(std::vector(plans)) == copied);
  REQUIRE(plans == before);
}

// Replicas are often made as copies of one plan.
TEST_CASE("plans that are copies of one plan, and have its items until they are written to, are served") {
  const cow_plan one{{{"a", 1}, {"b", 2}}, 0};
  const std::vector<cow_plan> plans(3, one);

  REQUIRE(test::keys_of(dcp::dedup_tensors(std::vector(plans))) == lines{"a b", "", ""});
  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(erased));
  REQUIRE(test::keys_of(erased) == lines{"a b", "", ""});
  REQUIRE(test::keys_of(plans) == lines{"a b", "a b", "a b"});

  REQUIRE(test::keys_of(dcp::dedup_tensors(plans)) == lines{"a b", "", ""});
  REQUIRE(test::keys_of(plans) == lines{"a b", "a b", "a b"});
}

TEST_CASE("a container of plans that is copied when it is written to is served") {
  const copied_on_write<test::plan> plans{{{{"a", 1}, {"b", 2}}, 0}, {{{"b", 3}, {"c", 4}}, 1}};

  REQUIRE(test::keys_of(dcp::dedup_tensors(plans)) == lines{"a b", "c"});
  REQUIRE(test::keys_of(plans) == lines{"a b", "b c"});

  auto moved = plans;
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(moved))) == lines{"a b", "c"});
  REQUIRE(test::keys_of(plans) == lines{"a b", "b c"});
}

// What a hook keeps has to stay as it was when the hook saw it.
TEST_CASE("a copy that a hook takes of plans that are copied when written to is not changed") {
  std::vector<cow_plan> plans{{{{"a", 1}, {"b", 2}}, 0}, {{{"b", 3}, {"c", 4}}, 1}};
  std::vector<cow_plan> seen;

  const auto result = dcp::dedup_tensors(std::move(plans), {.log = [&](const dcp::log_record&) { seen = plans; }});

  REQUIRE(test::keys_of(result) == lines{"a b", "c"});
  REQUIRE(test::keys_of(seen) == lines{"a b", "b c"});
}

}  // namespace sharing_test
