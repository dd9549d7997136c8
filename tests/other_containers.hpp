// Containers that are not as the standard's: which are copied in another order, fill gaps from their end, or share what
// they hold.

#ifndef DCP_TESTS_OTHER_CONTAINERS_HPP
#define DCP_TESTS_OTHER_CONTAINERS_HPP

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace test {

// Its copies have the other order, as those of hash maps may.
template <class Value>
class turned_by_copy {
 public:
  turned_by_copy() = default;
  turned_by_copy(std::initializer_list<Value> content) : content_(content) {}
  template <class From>
  turned_by_copy(From first, From last) : content_(first, last) {}
  turned_by_copy(const turned_by_copy& other) : content_(other.content_.rbegin(), other.content_.rend()) {}
  turned_by_copy(turned_by_copy&&) noexcept = default;
  turned_by_copy& operator=(turned_by_copy&&) noexcept = default;
  ~turned_by_copy() = default;

  auto begin() { return content_.begin(); }
  auto end() { return content_.end(); }
  [[nodiscard]] auto begin() const { return content_.begin(); }
  [[nodiscard]] auto end() const { return content_.end(); }
  auto erase(auto first, auto last) { return content_.erase(first, last); }

  friend bool operator==(const turned_by_copy&, const turned_by_copy&) = default;

 private:
  std::vector<Value> content_;
};

// Moving copies too, as it does between protobuf's arenas.
template <class Value, bool IsNoexcept>
class turned_by_move : public turned_by_copy<Value> {
 public:
  using turned_by_copy<Value>::turned_by_copy;
  turned_by_move(const turned_by_move&) = default;
  turned_by_move(turned_by_move&& other) noexcept(IsNoexcept)
      : turned_by_copy<Value>(static_cast<const turned_by_copy<Value>&>(other)) {}
  turned_by_move& operator=(turned_by_move&&) = delete;
  ~turned_by_move() = default;
};

// A dense hash map: its entries lie in a vector, and a table has their places, which `erase` keeps right. An entry that
// is assigned to is found no more.
template <class Key, class Value>
class dense_map {
 public:
  using key_type = Key;
  using value_type = std::pair<Key, Value>;

  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  void insert(const Key& key, Value value) {
    if (places_.emplace(key, entries_.size()).second) entries_.emplace_back(key, std::move(value));
  }
  auto erase(typename std::vector<value_type>::iterator entry) {
    const auto at = entry - entries_.begin();
    places_.erase(entry->first);
    if (entry + 1 != entries_.end()) {
      *entry = std::move(entries_.back());
      places_[entry->first] = static_cast<std::size_t>(at);
    }
    entries_.pop_back();
    return entries_.begin() + at;
  }
  auto erase(typename std::vector<value_type>::iterator first, typename std::vector<value_type>::iterator last) {
    while (last != first) last = erase(last - 1);
    return last;
  }
  // What a look-up by the table finds.
  [[nodiscard]] const Value* find(const Key& key) const {
    const auto place = places_.find(key);
    if (place == places_.end() || place->second >= entries_.size()) return nullptr;
    const value_type& entry = entries_[place->second];
    return entry.first == key ? &entry.second : nullptr;
  }

 private:
  std::vector<value_type> entries_;
  std::map<Key, std::size_t> places_;
};

// A handle: its copies refer to the same elements, and a constant one lets them be changed.
template <class Value>
class shared_list {
 public:
  shared_list() = default;
  shared_list(std::initializer_list<Value> content) : content_(std::make_shared<std::vector<Value>>(content)) {}

  [[nodiscard]] auto begin() const { return content_->begin(); }
  [[nodiscard]] auto end() const { return content_->end(); }
  [[nodiscard]] std::size_t size() const { return content_->size(); }
  auto erase(auto first, auto last) const { return content_->erase(first, last); }

 private:
  std::shared_ptr<std::vector<Value>> content_ = std::make_shared<std::vector<Value>>();
};

// The indices of all plans, in one list, sorted.
template <class Plans, class KeyOf>
std::vector<std::string> all_keys(const Plans& plans, const KeyOf& key_of) {
  std::vector<std::string> keys;
  for (const auto& plan : plans) key_of(plan, keys);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace test

#endif  // DCP_TESTS_OTHER_CONTAINERS_HPP
