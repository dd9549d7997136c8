#include <dcp/dedup_tensors.hpp>

#include <cstdio>
#include <string>
#include <vector>

struct item {
  std::string index;
};

struct plan {
  std::vector<item> items;
};

int main() {
  const std::vector<plan> plans = dcp::dedup_tensors(std::vector<plan>{{{{"a"}, {"b"}}}, {{{"b"}, {"c"}}}});
  const bool good =
      plans.size() == 2 && plans[0].items.size() == 2 && plans[1].items.size() == 1 && plans[1].items[0].index == "c";
  std::puts(good ? "each index once" : "wrong plans");
  return good ? 0 : 1;
}
