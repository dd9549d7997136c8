// Items were closed up by assignment wherever that compiled: those of a polymorphic base were sliced, those of a dense
// hash map found no more by their keys. Now only a plain sequence is closed up so; any other container loses items by
// its own `erase`. And memory is given back by a new container in a std::vector alone: others lost with it what they had
// been made with.

#include <dcp/dedup_tensors.hpp>

#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../catch.hpp"
#include "../other_containers.hpp"
#include "../plans.hpp"

using test::lines;

namespace {

// ------------------------------------------------------------------------------------------- polymorphic items

struct shape {
  std::string index;
  explicit shape(std::string name) : index(std::move(name)) {}
  shape(const shape&) = default;
  shape& operator=(const shape&) = default;
  virtual ~shape() = default;
  [[nodiscard]] virtual int sides() const { return 0; }
};
struct triangle final : shape {
  using shape::shape;
  [[nodiscard]] int sides() const override { return 3; }
};
struct square final : shape {
  using shape::shape;
  [[nodiscard]] int sides() const override { return 4; }
};

// Owns objects of classes derived from `Base`, and shows them as `Base&`: a boost::ptr_vector.
template <class Base>
class pointer_sequence {
  template <class Pointer, class Value>
  class basic_iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Base;
    using difference_type = std::ptrdiff_t;
    using pointer = Value*;
    using reference = Value&;

    basic_iterator() = default;
    explicit basic_iterator(Pointer at) : at_(at) {}
    reference operator*() const { return **at_; }
    reference operator[](difference_type n) const { return *at_[n]; }
    basic_iterator& operator++() { return ++at_, *this; }
    basic_iterator operator++(int) { return basic_iterator(at_++); }
    basic_iterator& operator--() { return --at_, *this; }
    basic_iterator operator--(int) { return basic_iterator(at_--); }
    basic_iterator& operator+=(difference_type n) { return at_ += n, *this; }
    basic_iterator& operator-=(difference_type n) { return at_ -= n, *this; }
    friend basic_iterator operator+(basic_iterator a, difference_type n) { return a += n; }
    friend basic_iterator operator+(difference_type n, basic_iterator a) { return a += n; }
    friend basic_iterator operator-(basic_iterator a, difference_type n) { return a -= n; }
    friend difference_type operator-(basic_iterator a, basic_iterator b) { return a.at_ - b.at_; }
    friend auto operator<=>(const basic_iterator&, const basic_iterator&) = default;
    [[nodiscard]] Pointer place() const { return at_; }

   private:
    Pointer at_{};
  };
  using owner = std::unique_ptr<Base>;

 public:
  using iterator = basic_iterator<owner*, Base>;
  using const_iterator = basic_iterator<const owner*, const Base>;

  void push_back(std::unique_ptr<Base> item) { content_.push_back(std::move(item)); }
  iterator begin() { return iterator(content_.data()); }
  iterator end() { return iterator(content_.data() + content_.size()); }
  [[nodiscard]] const_iterator begin() const { return const_iterator(content_.data()); }
  [[nodiscard]] const_iterator end() const { return const_iterator(content_.data() + content_.size()); }
  [[nodiscard]] std::size_t size() const { return content_.size(); }
  iterator erase(iterator first, iterator last) {
    const auto at = [&](iterator it) { return content_.begin() + (it.place() - content_.data()); };
    content_.erase(at(first), at(last));
    return first;
  }
  iterator erase(iterator it) { return erase(it, it + 1); }

 private:
  std::vector<owner> content_;
};

template <class Items>
struct plan_of_items {
  Items items;
};

// -------------------------------------------------------------------------------------------- own containers

// A flat map: sorted entries in a vector, with a comparator that it was made with.
class flat_map {
 public:
  using key_type = std::string;
  using value_type = std::pair<std::string, int>;

  explicit flat_map(bool descending) : descending_(descending) {}
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  auto erase(std::vector<value_type>::iterator first, std::vector<value_type>::iterator last) {
    ++erasures_;
    return entries_.erase(first, last);
  }
  auto erase(std::vector<value_type>::iterator entry) { return erase(entry, entry + 1); }
  void insert(const std::string& key, int value) {
    auto at = entries_.begin();
    while (at != entries_.end() && (descending_ ? at->first > key : at->first < key)) ++at;
    entries_.insert(at, {key, value});
  }
  [[nodiscard]] bool descending() const { return descending_; }
  [[nodiscard]] int erasures() const { return erasures_; }
  void swap(flat_map& other) { std::swap(*this, other); }

 private:
  std::vector<value_type> entries_;
  bool descending_ = false;
  int erasures_ = 0;
};

// A ring of fixed capacity, which a new one would not have.
class ring {
 public:
  using value_type = test::item;
  using allocator_type = std::allocator<test::item>;

  explicit ring(std::size_t capacity) : capacity_(capacity) {}
  explicit ring(const allocator_type&) : capacity_(0) {}
  auto begin() { return content_.begin(); }
  auto end() { return content_.end(); }
  [[nodiscard]] auto begin() const { return content_.begin(); }
  [[nodiscard]] auto end() const { return content_.end(); }
  [[nodiscard]] bool empty() const { return content_.empty(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] allocator_type get_allocator() const { return {}; }
  auto erase(std::vector<test::item>::iterator first, std::vector<test::item>::iterator last) {
    return content_.erase(first, last);
  }
  void push_back(test::item item) {
    if (content_.size() == capacity_) content_.erase(content_.begin());
    content_.push_back(std::move(item));
  }
  void swap(ring& other) { std::swap(*this, other); }

 private:
  std::vector<test::item> content_;
  std::size_t capacity_;
};

// Its `erase` returns nothing, as that of Abseil's hash maps.
template <class Content>
class silent {
 public:
  using key_type = std::string;
  using value_type = typename Content::value_type;

  void insert(value_type item) { content_.insert(content_.end(), std::move(item)); }
  auto begin() { return content_.begin(); }
  auto end() { return content_.end(); }
  [[nodiscard]] auto begin() const { return content_.begin(); }
  [[nodiscard]] auto end() const { return content_.end(); }
  void erase(typename Content::iterator item) { content_.erase(item); }

 private:
  Content content_;
};

// Counts how often an item is assigned to.
struct counted_item {
  std::string index;
  static inline std::size_t assignments = 0;

  explicit counted_item(std::string name) : index(std::move(name)) {}
  counted_item(counted_item&&) noexcept = default;
  counted_item& operator=(counted_item&& other) noexcept {
    index = std::move(other.index);
    ++assignments;
    return *this;
  }
  ~counted_item() = default;
};

// Its copies are told from a new one by their number.
template <class Value>
struct numbered_allocator {
  using value_type = Value;
  int number = 0;

  numbered_allocator() = default;
  explicit numbered_allocator(int given) : number(given) {}
  template <class Other>
  numbered_allocator(const numbered_allocator<Other>& other) : number(other.number) {}
  Value* allocate(std::size_t count) { return std::allocator<Value>().allocate(count); }
  void deallocate(Value* at, std::size_t count) { std::allocator<Value>().deallocate(at, count); }
  friend bool operator==(const numbered_allocator&, const numbered_allocator&) = default;
};

std::vector<std::string> keys_of_pairs(const auto& entries) {
  std::vector<std::string> keys;
  for (const auto& entry : entries) keys.push_back(entry.first);
  return keys;
}

}  // namespace

// Its entries are pairs whose key is not constant: that it is the index is said here.
template <class Value>
struct dcp::write_item_traits<std::pair<std::string, Value>> {
  static const std::string& index(const std::pair<std::string, Value>& item) { return item.first; }
};

TEST_CASE("items of a polymorphic base are not sliced") {
  std::vector<plan_of_items<pointer_sequence<shape>>> plans(2);
  for (const char* name : {"a", "b"}) plans[0].items.push_back(std::make_unique<square>(name));
  for (const char* name : {"x", "a", "y", "b", "z"}) {
    if (name[0] % 2 != 0) plans[1].items.push_back(std::make_unique<triangle>(name));
    else plans[1].items.push_back(std::make_unique<square>(name));
  }
  const shape* const last = &plans[1].items.end()[-1];

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(test::keys_of(result) == lines{"a b", "x y z"});
  for (const shape& each : result[1].items) REQUIRE(each.sides() == (each.index[0] % 2 != 0 ? 3 : 4));
  REQUIRE(&result[1].items.begin()[2] == last);
}

TEST_CASE("items of a final polymorphic class are closed up, in a std::vector those of any class") {
  std::vector<plan_of_items<std::vector<square>>> finals(2);
  finals[0].items = {square("a"), square("b")};
  finals[1].items = {square("b"), square("c")};
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(finals))) == lines{"a b", "c"});

  std::vector<plan_of_items<std::vector<shape>>> bases(2);
  bases[0].items = {shape("a"), shape("b")};
  bases[1].items = {shape("b"), shape("c")};
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(bases))) == lines{"a b", "c"});
}

TEST_CASE("the entries of a dense hash map are found by their keys afterwards") {
  std::vector<plan_of_items<test::dense_map<std::string, int>>> plans(2);
  for (int i = 0; i != 100; ++i) {
    if (i % 3 == 0) plans[0].items.insert("key " + std::to_string(i), i);
    plans[1].items.insert("key " + std::to_string(i), i);
  }
  const auto before = plans;

  const auto copied = dcp::dedup_tensors(plans);
  const auto moved = dcp::dedup_tensors(std::move(plans));

  for (const auto& result : {copied, moved}) {
    REQUIRE(result[0].items.size() == 34);
    REQUIRE(result[1].items.size() == 66);
    for (int i = 0; i != 100; ++i) {
      const int* value = result[1].items.find("key " + std::to_string(i));
      REQUIRE((value != nullptr) == (i % 3 != 0));
      if (value != nullptr) REQUIRE(*value == i);
    }
  }
}

TEST_CASE("a flat map stays sorted, closes up once for each run of neighbours, and keeps its comparator") {
  std::vector<plan_of_items<flat_map>> plans(3, {flat_map(true)});
  for (const char* key : {"a", "b", "c", "e"}) plans[0].items.insert(key, 1);
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) plans[1].items.insert(key, 2);
  for (const char* key : {"a", "b", "c"}) plans[2].items.insert(key, 3);

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(keys_of_pairs(result[1].items) == lines{"f", "d"});
  REQUIRE(result[1].items.erasures() == 2);
  REQUIRE(result[2].items.empty());
  REQUIRE(result[2].items.descending());
}

TEST_CASE("a ring that loses all its items keeps its capacity") {
  std::vector<plan_of_items<ring>> plans(2, {ring(8)});
  for (auto& plan : plans)
    for (const char* key : {"a", "b"}) plan.items.push_back({key});

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.empty());
  REQUIRE(result[1].items.capacity() == 8);
}

TEST_CASE("a container whose erase returns nothing loses the right items") {
  std::vector<plan_of_items<silent<std::list<test::item>>>> plans(2);
  for (const char* key : {"a", "b", "c", "d"}) plans[0].items.insert({key});
  for (const char* key : {"a", "b", "x", "c", "y", "d"}) plans[1].items.insert({key});

  REQUIRE(test::keys_of(dcp::dedup_tensors(plans)) == lines{"a b c d", "x y"});
  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(plans))) == lines{"a b c d", "x y"});
}

TEST_CASE("a container with random access may have an erase of single elements alone") {
  std::vector<plan_of_items<silent<std::vector<test::item>>>> plans(2);
  for (const char* key : {"a", "b", "c", "d"}) plans[0].items.insert({key});
  for (const char* key : {"a", "b", "x", "c", "y", "d"}) plans[1].items.insert({key});

  REQUIRE(test::keys_of(dcp::dedup_tensors(std::move(plans))) == lines{"a b c d", "x y"});
}

TEST_CASE("closing up is linear: each item that stays is assigned once") {
  std::vector<plan_of_items<std::vector<counted_item>>> plans(2);
  for (int i = 0; i != 20'000; ++i) {
    if (i % 2 == 0) plans[0].items.emplace_back(std::to_string(i));
    plans[1].items.emplace_back(std::to_string(i));
  }
  counted_item::assignments = 0;

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.size() == 10'000);
  REQUIRE(counted_item::assignments <= 10'000);
}

TEST_CASE("a std::vector that loses all its items keeps its allocator") {
  std::vector<plan_of_items<std::vector<test::item, numbered_allocator<test::item>>>> plans;
  for (int rank = 0; rank != 2; ++rank)
    plans.push_back(
        {std::vector<test::item, numbered_allocator<test::item>>({{"a"}}, numbered_allocator<test::item>(rank + 1))});

  const auto result = dcp::dedup_tensors(std::move(plans));

  REQUIRE(result[1].items.empty());
  REQUIRE(result[1].items.capacity() == 0);
  REQUIRE(result[1].items.get_allocator().number == 2);
}
