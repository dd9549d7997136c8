// The README's first steps.
//
//     c++ -std=c++20 -O2 -Iinclude examples/quickstart.cpp -o quickstart

#include <dcp/dedup_tensors.hpp>
#include <iostream>
#include <string>
#include <vector>

struct item { std::string index; };           // yours: anything with `==` and `std::hash` names an item
struct plan { std::vector<item> items; };     // yours: anything with `items` is a plan

int main() {
  std::vector<plan> plans = {{{{"weight"}, {"bias"}}}, {{{"weight"}, {"bias"}, {"rank 1"}}}};  // of ranks 0 and 1
  plans = dcp::dedup_tensors(std::move(plans));
  for (const item& each : plans[1].items) std::cout << each.index << '\n';  // rank 1
}
