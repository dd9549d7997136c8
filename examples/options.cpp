// The README's options, all of them.
//
//     c++ -std=c++20 -O2 -Iinclude examples/options.cpp -o options

#include <dcp/balanced.hpp>
#include <dcp/console_logger.hpp>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

struct item {
  std::string index;
  std::size_t storage_size;                      // bytes: keep::balanced needs them
  bool operator==(const item&) const = default;  // check_replicas needs it, or a same_data()
};
struct plan { std::vector<item> items; };

int main() {
  std::vector<plan> plans(2, {{{"weight", 400}, {"bias", 400}}});
  plans = dcp::dedup_tensors(std::move(plans), dcp::options{
      .log = dcp::console_logger(),  // called once, before anything is removed, with a message that lists it
      .keep = dcp::keep::balanced,   // which plan writes an index; dcp::keep::first if not given
      .check_replicas = true,        // throws dcp::conflict_error if a redundant item differs from its kept item
      .max_message = 4096});         // bytes of the message; 64 KiB if not given
  for (const plan& each : plans) std::cout << each.items.size() << '\n';  // 1 and 1: balanced
}
