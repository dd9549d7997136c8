// Thousands of small tensors, cut up at random, whole and with faults, each compared with a slow model that counts every
// element. One that fails is found again by its seed, which is printed.

#include <dcp/coverage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../rounds.hpp"
#include "tensors.hpp"

namespace random_tilings_test {

using test::numbers;

struct box {
  numbers offsets;
  numbers sizes;
};

struct named_part {
  std::string fqn;
  numbers offsets;
  numbers sizes;
  numbers size;
};

struct item {
  int index;
  named_part writes;

  [[nodiscard]] const named_part& chunk() const { return writes; }
};

struct plan {
  std::vector<item> items;
};

// ------------------------------------------------------------------------------------------------------- the model

bool is_in(const box& each, const numbers& element) {
  for (std::size_t i = 0; i != element.size(); ++i)
    if (element[i] < each.offsets[i] || element[i] >= each.offsets[i] + each.sizes[i]) return false;
  return true;
}

std::size_t count_at(const std::vector<box>& boxes, const numbers& element) {
  return static_cast<std::size_t>(
      std::count_if(boxes.begin(), boxes.end(), [&](const box& each) { return is_in(each, element); }));
}

/// All elements of a box, in the order of rows.
std::vector<numbers> elements_of(const box& part) {
  std::vector<numbers> elements;
  if (std::find(part.sizes.begin(), part.sizes.end(), 0) != part.sizes.end()) return elements;
  numbers element = part.offsets;
  for (;;) {
    elements.push_back(element);
    std::size_t i = element.size();
    while (i != 0 && element[i - 1] + 1 == part.offsets[i - 1] + part.sizes[i - 1]) {
      element[i - 1] = part.offsets[i - 1];
      --i;
    }
    if (i == 0) return elements;
    ++element[i - 1];
  }
}

struct model_fault {
  dcp::coverage_fault fault;
  box part;
};

std::optional<model_fault> model(const numbers& size, const std::vector<box>& boxes) {
  for (const numbers& element : elements_of({numbers(size.size(), 0), size})) {
    if (count_at(boxes, element) == 1) continue;
    box part{element, numbers(size.size(), 1)};
    if (count_at(boxes, element) == 0) {
      const auto is_free = [&] {
        const auto elements = elements_of(part);
        return std::all_of(elements.begin(), elements.end(),
                           [&](const auto& each) { return count_at(boxes, each) == 0; });
      };
      for (std::size_t i = size.size(); i-- != 0;)
        while (element[i] + part.sizes[i] < size[i]) {
          ++part.sizes[i];
          if (is_free()) continue;
          --part.sizes[i];
          break;
        }
      return model_fault{dcp::coverage_fault::hole, part};
    }
    // The first two that have it.
    std::vector<box> both;
    for (const box& each : boxes)
      if (both.size() != 2 && is_in(each, element)) both.push_back(each);
    for (std::size_t i = 0; i != size.size(); ++i)
      part.sizes[i] =
          (std::min)(both[0].offsets[i] + both[0].sizes[i], both[1].offsets[i] + both[1].sizes[i]) - element[i];
    return model_fault{dcp::coverage_fault::overlap, part};
  }
  return {};
}

// -------------------------------------------------------------------------------------------------- random tensors

class random_tensors {
 public:
  explicit random_tensors(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::int64_t below(std::int64_t end) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(end));
  }

  numbers size() {
    const std::int64_t dimensions = below(5);
    constexpr std::int64_t longest[] = {1, 30, 9, 6, 4};
    numbers size;
    for (std::int64_t i = 0; i != dimensions; ++i)
      size.push_back(below(40) == 0 ? 0 : 1 + below(longest[static_cast<std::size_t>(dimensions)]));
    return size;
  }

  std::vector<box> tiling(const numbers& size) {
    if (size.size() >= 2 && below(2) == 0) return grid(size);
    std::vector<box> boxes = {{numbers(size.size(), 0), size}};
    for (std::int64_t cuts = size.empty() ? 0 : below(20); cuts != 0; --cuts) {
      box& each = boxes[static_cast<std::size_t>(below(static_cast<std::int64_t>(boxes.size())))];
      const auto i = static_cast<std::size_t>(below(static_cast<std::int64_t>(size.size())));
      const std::int64_t at = below(each.sizes[i] + 1);  // an empty part may be cut off
      box rest = each;
      rest.offsets[i] += at;
      rest.sizes[i] -= at;
      each.sizes[i] = at;
      boxes.push_back(rest);
    }
    return boxes;
  }

  void damage(std::vector<box>& boxes, const numbers& size) {
    if (boxes.empty()) return;
    const auto at = boxes.begin() + below(static_cast<std::int64_t>(boxes.size()));
    if (size.empty() || below(4) == 0) {
      if (below(2) == 0) boxes.erase(at);
      else boxes.push_back(box(*at));
      return;
    }
    const auto i = static_cast<std::size_t>(below(static_cast<std::int64_t>(size.size())));
    box changed = *at;
    if (below(2) == 0) changed.offsets[i] += below(2) == 0 ? 1 : -1;
    else changed.sizes[i] += below(2) == 0 ? 1 : -1;
    if (changed.offsets[i] < 0 || changed.sizes[i] < 0 || changed.offsets[i] + changed.sizes[i] > size[i]) return;
    *at = changed;
  }

  std::vector<box> boxes_anywhere(const numbers& size) {
    std::vector<box> boxes(static_cast<std::size_t>(below(6)));
    for (box& each : boxes)
      for (const std::int64_t extent : size) {
        each.offsets.push_back(below(extent + 1));
        each.sizes.push_back(below(extent - each.offsets.back() + 1));
      }
    return boxes;
  }

  /// The boxes as items of a few plans, in any order, some of them in several plans.
  std::vector<plan> plans_of(const numbers& size, std::vector<box>& boxes) {
    std::shuffle(boxes.begin(), boxes.end(), engine_);
    std::vector<plan> plans(static_cast<std::size_t>(1 + below(4)));
    std::vector<box> in_order;
    std::vector<std::pair<std::size_t, int>> places;  // plan, number
    for (int number = 0; number != static_cast<int>(boxes.size()); ++number)
      for (std::int64_t copies = 1 + (below(3) == 0 ? below(3) : 0); copies != 0; --copies)
        places.emplace_back(below(static_cast<std::int64_t>(plans.size())), number);
    std::shuffle(places.begin(), places.end(), engine_);
    for (const auto& [rank, number] : places) {
      const box& each = boxes[static_cast<std::size_t>(number)];
      plans[rank].items.push_back({number, {"w", each.offsets, each.sizes, size}});
    }
    // As they first occur in the plans.
    std::vector<bool> met(boxes.size());
    for (const plan& each : plans)
      for (const item& one : each.items)
        if (const auto number = static_cast<std::size_t>(one.index); !met[number]) {
          met[number] = true;
          in_order.push_back(boxes[number]);
        }
    boxes = std::move(in_order);
    return plans;
  }

 private:
  std::vector<box> grid(const numbers& size) {
    std::vector<box> boxes = {{{}, {}}};
    for (const std::int64_t extent : size) {
      const std::int64_t step = 1 + below(extent + 1);
      std::vector<box> longer;
      for (const box& each : boxes)
        for (std::int64_t at = 0; at < (std::max)(extent, std::int64_t{1}); at += step) {
          longer.push_back(each);
          longer.back().offsets.push_back(at);
          longer.back().sizes.push_back((std::min)(step, extent - at));
        }
      boxes = std::move(longer);
    }
    return boxes;
  }

  std::mt19937_64 engine_;
};

void require_model(const numbers& size, const std::vector<box>& boxes, const std::vector<plan>& plans) {
  const auto expected = model(size, boxes);
  const dcp::coverage_report report = dcp::check_coverage(plans);
  const dcp::coverage_report later = dcp::check_coverage(dcp::dedup_tensors(plans));
  if (boxes.empty()) {  // nobody knows of the tensor
    REQUIRE(report.empty());
    return;
  }
  INFO(report.what());
  REQUIRE(report.empty() == !expected);
  REQUIRE(later.empty() == !expected);
  if (!expected) return;
  for (const dcp::coverage_report& each : {report, later}) {
    REQUIRE(each.size() == 1);
    const dcp::faulty_tensor& tensor = each.tensors.front();
    REQUIRE(tensor.fqn == "w");
    REQUIRE(tensor.fault == expected->fault);
    REQUIRE(tensor.size == size);
    REQUIRE(tensor.offsets == expected->part.offsets);
    REQUIRE(tensor.sizes == expected->part.sizes);
  }
  if (expected->fault != dcp::coverage_fault::overlap) return;
  const auto& items = report.tensors.front().items;
  REQUIRE(items.size() == 2);
  for (const dcp::item_place& at : items) {
    const named_part& its = plans[at.plan].items[at.position].writes;
    REQUIRE(is_in({its.offsets, its.sizes}, expected->part.offsets));
  }
}

TEST_CASE("random tilings are whole, and what is wrong with damaged ones is what counting every element finds") {
  for (std::uint64_t seed = 0; seed != test::rounds(6000U); ++seed) {
    CAPTURE(seed);
    random_tensors random(seed);
    const numbers size = random.size();
    std::vector<box> boxes = random.below(8) == 0 ? random.boxes_anywhere(size) : random.tiling(size);
    for (std::int64_t faults = random.below(3); faults != 0; --faults) random.damage(boxes, size);
    const std::vector<plan> plans = random.plans_of(size, boxes);
    require_model(size, boxes, plans);
  }
}

}  // namespace random_tilings_test
