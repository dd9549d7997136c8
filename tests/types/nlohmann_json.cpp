// Items as values of nlohmann's JSON: an array is closed up like a std::vector, though its iterators are those of a list.
// Erased one by one, 40,000 items took 14 seconds.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"

using nlohmann::json;

namespace {

struct json_plan {
  json items;
};
struct ordered_plan {
  nlohmann::ordered_json items;
};

json items_of(const std::vector<std::string>& names) {
  json items = json::array();
  for (const std::string& name : names) items.push_back({{"fqn", name}, {"nbytes", 8}});
  return items;
}

// Its values have their name too: the key lies in the iterator, not in the value.
json object_of(const std::vector<std::string>& names) {
  json items = json::object();
  for (const std::string& name : names) items[name] = {{"fqn", name}};
  return items;
}

std::vector<std::string> names_in(const auto& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.at("fqn").template get<std::string>());
  return names;
}

using names = std::vector<std::string>;

template <class Json>
struct json_traits {
  static const std::string& index(const Json& item) { return item.at("fqn").template get_ref<const std::string&>(); }
  static std::optional<std::int64_t> storage_size(const Json& item) {
    const auto bytes = item.find("nbytes");
    return bytes == item.end() ? std::nullopt : std::optional(bytes->template get<std::int64_t>());
  }
};

}  // namespace

template <>
struct dcp::write_item_traits<json> : json_traits<json> {};
template <>
struct dcp::write_item_traits<nlohmann::ordered_json> : json_traits<nlohmann::ordered_json> {};

// It has a function `items()`, for loops: that the items are its own elements is said here.
template <>
struct dcp::save_plan_traits<json> {
  static auto& items(auto& plan) { return plan; }
};

TEST_CASE("items may be a JSON array") {
  std::vector<json_plan> plans{{items_of({"a", "b"})}, {items_of({"b", "c", "a", "d"})}};

  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items.size() == 4);
  auto erased = plans;
  dcp::erase_duplicates(erased, dcp::find_duplicates(erased));
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved, erased}) {
    REQUIRE(names_in(result[0].items) == names{"a", "b"});
    REQUIRE(names_in(result[1].items) == names{"c", "d"});
    REQUIRE(result[1].items.is_array());
  }
}

TEST_CASE("items may be a JSON object, sorted or in order, whose keys stay with their values") {
  std::vector<json_plan> plans{{object_of({"a", "b"})}, {object_of({"b", "c", "a", "d"})}};
  const auto copied = dcp::dedup_tensors(plans);
  REQUIRE(plans[1].items.size() == 4);
  const auto moved = dcp::dedup_tensors(std::move(plans));
  for (const auto& result : {copied, moved}) REQUIRE(result[1].items == object_of({"c", "d"}));

  std::vector<ordered_plan> ordered(2);
  for (const char* name : {"a", "b"}) ordered[0].items[name]["fqn"] = name;
  for (const char* name : {"d", "b", "c", "a"}) ordered[1].items[name]["fqn"] = name;
  const auto result = dcp::dedup_tensors(std::move(ordered));
  REQUIRE(result[1].items.dump() == R"({"d":{"fqn":"d"},"c":{"fqn":"c"}})");
}

TEST_CASE("plans that lose all their JSON items, or have none, stay") {
  std::vector<json_plan> plans{{items_of({"a"})}, {items_of({"a"})}, {json()}, {json::array()}};
  const auto result = dcp::dedup_tensors(std::move(plans));
  REQUIRE(result[1].items == json::array());
  REQUIRE(result[2].items == json());
  REQUIRE(result[3].items == json::array());
}

TEST_CASE("empty JSON items give way and are not compared, other replicas are") {
  std::vector<json_plan> plans{{items_of({"a"})}, {items_of({"a"})}};
  REQUIRE_NOTHROW(dcp::find_duplicates(plans, {.check_replicas = true}));
  plans[0].items[0]["nbytes"] = 0;
  REQUIRE(dcp::find_duplicates(plans, {.check_replicas = true}).is_redundant(0, 0));
  plans[0].items[0]["nbytes"] = 4;
  REQUIRE_THROWS_AS(dcp::find_duplicates(plans, {.check_replicas = true}), dcp::conflict_error);
}

TEST_CASE("JSON plans may themselves be arrays of items") {
  const std::vector<json> plans{items_of({"a", "b"}), items_of({"b", "c"})};
  REQUIRE(names_in(dcp::dedup_tensors(plans)[1]) == names{"c"});
}
