// SPDX-License-Identifier: MIT
//
// dcp::dedup_tensors across the ranks of an MPI job: every rank has its own plan, and no rank ever holds them all.
//
//     plan = dcp::dedup_tensors(std::move(plan), MPI_COMM_WORLD);  // on every rank: it gets its own plan back
//
// The result is that of gathering all plans in the order of the ranks and calling the one-machine dedup_tensors. But
// gathering costs one rank the bytes of all: in PyTorch 90 seconds of a save on 256 ranks (pytorch PR 149785).
//
// Needs MPI 3; works with Open MPI and MPICH. Where the compiler has exceptions off, what would throw ends the job.

#ifndef DCP_MPI_HPP
#define DCP_MPI_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include "dedup_tensors.hpp"

#include <mpi.h>

#include <algorithm>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dcp {
inline namespace v0 {

/// What a rank throws if another one failed, or MPI itself. The message names the rank and says what it threw.
struct
#if defined(__GNUC__)  // or else each shared library built with hidden visibility would have a type of its own to catch
    [[gnu::visibility("default")]]
#endif
    mpi_error : std::runtime_error {
  mpi_error(int failed, const std::string& message) : std::runtime_error(message), rank(failed) {}

  int rank;  ///< the lowest rank that failed, in the communicator of the call; -1 if MPI has not told it
};

/// Leaves every index in one plan, as the one-machine `dedup_tensors` does to the plans of all ranks in their order,
/// and returns this rank's. Collective over `comm`, an MPI_Comm or what converts to one: every rank calls it, with the
/// same options but for the logger, which gets the record of the rank's own plan. An lvalue is left as it was; a plan
/// that is moved in is worked on in place.
///
/// An index travels as bytes, which are equal where indices are. Numbers (but no floating-point ones: 0.0 and -0.0 are
/// equal), enumerations, std::string and std::string_view travel by themselves, and so do a std::optional and what is
/// compared part by part, if all their parts do. Any other index or part needs a member function that appends its
/// bytes, or the trait has one for the whole index. If the trait has `hash` or `equal`, only the trait's counts:
///
///     void my_index::append_key(std::string& bytes) const;
///     static void write_item_traits<my_item>::append_key(const my_index& index, std::string& bytes);
///
/// `check_replicas` compares what `append_data(bytes)` of an item or `append_data(item, bytes)` of the trait appends.
///
/// A key goes to the rank that its hash chooses, its owner, which decides as `find_duplicates` does and answers a byte.
/// Among more than 64 ranks, neighbours compare their keys first. So with `keep::first` a rank sends and receives 2 to
/// 3 times the bytes of its own plan's keys, however many ranks there are. For another policy every rank also gets a
/// small record of each shared index of all plans, and makes the same choice; with it, and with `check_replicas`,
/// neighbours do not compare first. Complexity: linear in the plan's items, the keys that a rank owns, and the ranks.
///
/// What is thrown on one rank (by its append_key, policy, logger, an allocation) becomes known to all before any plan
/// is changed: that rank throws it on, the others throw mpi_error. Such is std::invalid_argument where two indices of
/// its plan are equal and their bytes are not, or the other way round. All ranks alike throw std::invalid_argument for
/// an inter-communicator, for options or a policy's choices that differ between ranks, and for `check_replicas` of
/// items without `append_data`; std::length_error for 2^32 - 1 items or more on all ranks together; with a policy
/// std::overflow_error for 2^64 bytes or more in a plan; and conflict_error. An error of MPI is an mpi_error with MPI's
/// text, on the ranks that MPI reports it to. The call uses a duplicate of `comm`, and meets no message of the
/// caller's. A plan that is moved in is moved out last: if moving it throws, it is changed by then.
template <class Plan, std::convertible_to<MPI_Comm> Communicator>
[[nodiscard]] std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, const Communicator& comm,
                                                      const options& settings = {},
                                                      source_location where = source_location::current());

// ============================================================================================= the machinery
//
// No rank may wait for one that has thrown. So the collective calls depend on nothing but what the ranks agree on at
// the start (see `agree`), and what is thrown between two of them is reported by the next (see `together`).

namespace detail {

// ------------------------------------------------------------------------------------------ numbers as bytes

// Seven bits a byte, the lowest first: small numbers are short, and machines of any byte order read the same.
inline void append_number(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7F) | 0x80);
  bytes += static_cast<char>(number);
}

inline void append_bytes(std::string& bytes, std::string_view value) {
  detail::append_number(bytes, value.size());
  bytes += value;
}

// Ranks that share an index are mostly evenly spaced: equal gaps travel as one, and how many there are.
inline void append_ranks(std::string& bytes, std::span<const std::uint32_t> ranks) {
  detail::append_number(bytes, ranks.size());
  std::uint32_t before = 0;
  for (std::size_t i = 0, end = 0; i != ranks.size(); i = end) {
    const std::uint32_t gap = ranks[i] - before;
    for (; end != ranks.size() && ranks[end] - before == gap; ++end) before = ranks[end];
    detail::append_number(bytes, gap);
    detail::append_number(bytes, end - i);
  }
}

// Reads what was appended, in the same order.
class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] std::string_view left() const { return left_; }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto next = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
  }
  std::uint32_t small_number() { return static_cast<std::uint32_t>(number()); }

  std::string_view bytes(std::uint64_t size) {
    const std::string_view value = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(value.size());
    return value;
  }

  std::vector<std::uint32_t> ranks() {
    std::vector<std::uint32_t> result(static_cast<std::size_t>(number()));
    std::uint32_t rank = 0;
    for (auto at = result.begin(); at != result.end();) {
      const std::uint32_t gap = small_number();
      for (std::uint64_t count = number(); count != 0; --count) *at++ = rank += gap;
    }
    return result;
  }

 private:
  std::string_view left_;
};

// Chooses owners: the same on every rank, compiler and machine, whatever std::hash is there. (FNV-1a, and the
// finaliser of SplitMix64 for the upper bits, which FNV mixes badly.)
constexpr std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
  return hash ^ (hash >> 31);
}

// One of `count` numbers, evenly, by the upper half of the hash; the lower half is left for other uses.
constexpr int choose_by(std::uint64_t hash, int count) {
  return static_cast<int>((hash >> 32) * static_cast<std::uint64_t>(count) >> 32);
}

// ---------------------------------------------------------------------------------------- keys and data as bytes

struct append_key_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(on.append_key(of...), true)
    requires(!requires { on.append_key(std::move(of)...); })  // it takes the bytes by value: they would be lost
  {
    return on.append_key(of...), true;
  }
  static constexpr auto member(auto& of) -> decltype((of.append_key)) { return (of.append_key); }
};
struct append_data_question : question_to<write_item_traits> {
  static constexpr auto call(auto& on, auto&... of) -> decltype(on.append_data(of...), true)
    requires(!requires { on.append_data(std::move(of)...); })  // it takes the bytes by value: they would be lost
  {
    return on.append_data(of...), true;
  }
  static constexpr auto member(auto& of) -> decltype((of.append_data)) { return (of.append_data); }
};

template <class Value>
concept appends_key = requires(const Value& value, std::string& bytes) { append_key_question::call(value, bytes); };

template <class Value>
concept number = std::is_enum_v<Value> || (std::is_integral_v<Value> && sizeof(Value) <= 8);
template <class Value>
concept text = std::same_as<Value, std::string> || std::same_as<Value, std::string_view>;
template <class Value>
concept standard_optional = requires { requires std::same_as<Value, std::optional<typename Value::value_type>>; };

// Whether it travels: what `==` compares of it is known.
template <class Value>
consteval bool travels() {
  if constexpr (appends_key<Value> || number<Value> || text<Value>) return true;
  else if constexpr (requires(Value& value, std::string& bytes) { append_key_question::call(value, bytes); })
    return false;  // it lacks `const`
  else if constexpr (has_parts<Value> && (standard_optional<Value> || !whole_index<Value>))
    return detail::all_parts<Value>([]<class Part>(type_list<Part>) { return detail::travels<Part>(); });
  else return false;
}

// The bytes show where they end, so that the bytes of several values are equal if the values are, one by one.
template <class Value>
void append_value(std::string& bytes, const Value& value) {
  if constexpr (appends_key<Value>) {
    std::string key;
    append_key_question::call(value, key);
    detail::append_bytes(bytes, key);
  } else if constexpr (number<Value>) {
    detail::append_number(bytes, static_cast<std::uint64_t>(value));
  } else if constexpr (text<Value>) {
    detail::append_bytes(bytes, value);
  } else {
    if constexpr (optional_like<Value>) detail::append_number(bytes, value.has_value() ? 1 : 0);
    else if constexpr (std::ranges::forward_range<const Value>) detail::append_number(bytes, detail::count_of(value));
    detail::for_each_part(value, [&](const auto& part) { detail::append_value(bytes, part); });
  }
}

template <class Reader>
concept has_key_by_trait = requires(const typename Reader::index_type& index, std::string& bytes) {
  append_key_question::call(Reader::template trait<append_key_question>, index, bytes);
};
template <class Reader>
concept has_own_key = !Reader::template has_trait<append_key_question> && !Reader::template has_trait<hash_question> &&
                      !Reader::template has_trait<equal_question> && detail::travels<typename Reader::index_type>();

template <class Reader>
void append_key(const typename Reader::index_type& index, std::string& bytes) {
  if constexpr (has_key_by_trait<Reader>)
    append_key_question::call(Reader::template trait<append_key_question>, index, bytes);
  else if constexpr (appends_key<typename Reader::index_type>) append_key_question::call(index, bytes);
  else detail::append_value(bytes, index);
}

template <class Reader>
constexpr bool has_data =
    !std::is_void_v<answer_to<append_data_question, Reader::is_entry, const typename Reader::entry, std::string>>;

template <class Plan, bool copies>
consteval bool check_sendable() {
  using reader = reader_of<std::vector<Plan>>;
  if constexpr (!detail::check_returnable<std::vector<Plan>, copies>()) return false;
  else if constexpr (!has_key_by_trait<reader> && !has_own_key<reader>)
    static_assert(
        always_false<Plan>,
        "dcp: the index of a write item cannot travel between ranks: give it, or the part of it that cannot, a "
        "member function `void append_key(std::string& bytes) const`, or write_item_traits<Item> a `static "
        "void append_key(const Index&, std::string& bytes)`, as a trait with a `hash` needs");
  else if constexpr (reader::template is_near_miss<append_data_question, std::string>)
    static_assert(always_false<Plan>,
                  "dcp: append_data cannot be called: as a member function it has to be const and to take "
                  "`std::string& bytes`; that of write_item_traits takes `const Item&, std::string& bytes`");
  else return true;
  return false;
}

// ------------------------------------------------------------------------------------------------ the communicator

struct tuning {                    // for tests
  std::size_t piece = 256 * 1024;  // the most bytes in a message; more are sent in pieces
  int few = 64;                    // that many ranks do not share with neighbours first
  std::size_t hash_bytes = 4;      // that neighbours compare before they compare keys
};

// Bytes for, or from, some of the ranks.
using messages = std::map<int, std::string>;

// The ranks of the call, by a duplicate of the caller's communicator on which errors are returned. All functions but
// `rank` and `size` are collective.
class communicator {
 public:
  communicator(MPI_Comm original, const tuning& how) : piece_(std::clamp<std::size_t>(how.piece, 1, INT_MAX)) {
    int between_groups = 0;
    if (original != MPI_COMM_NULL) check(MPI_Comm_test_inter(original, &between_groups), "MPI_Comm_test_inter");
    if (original == MPI_COMM_NULL || between_groups != 0)
      detail::raise(std::invalid_argument("dcp: dedup_tensors wants an intra-communicator, the ranks of one group"));
    check(MPI_Comm_rank(original, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(original, &size_), "MPI_Comm_size");
    check(MPI_Comm_dup(original, &comm_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  }
  communicator& operator=(communicator&&) = delete;  // nor is it copied or moved
  ~communicator() { MPI_Comm_free(&comm_); }

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  // Does a rank's own work. If it fails on one rank, this throws on all.
  void together(const auto& work) {
    if (!failure_) attempt(work);
    std::uint64_t lowest[] = {static_cast<std::uint64_t>(failure_ ? rank_ : size_)};
    reduce(lowest, MPI_MIN);
    const auto failed = static_cast<int>(lowest[0]);
    if (failed == size_) return;
    check(MPI_Bcast(failure_text_, static_cast<int>(sizeof failure_text_), MPI_CHAR, failed, comm_), "MPI_Bcast");
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    detail::raise(mpi_error(failed, "dcp: rank " + std::to_string(failed) + " failed: " + failure_text_));
  }

  // Sends the messages that `make` returns, and returns those that came. No rank need know who sends to it: to know all
  // sizes beforehand, as MPI_Alltoallv does, takes a number from each rank to each, soon more bytes than the keys. A
  // rank whose messages have all been taken enters a barrier, and takes messages until all have entered. (Hoefler,
  // Siebert, Lumsdaine: Scalable communication protocols for dynamic sparse data exchange, 2010.)
  messages exchange(const auto& make) {
    messages outgoing;
    messages incoming;
    std::vector<MPI_Request> sends;
    std::string piece;
    together([&] {
      outgoing = make();
      if (auto own = outgoing.extract(rank_)) incoming.insert(std::move(own));
      for (const auto& [peer, bytes] : outgoing) sends.resize(sends.size() + (bytes.size() + piece_ - 1) / piece_);
      piece.resize(piece_);
    });
    auto request = sends.begin();
    for (const auto& [peer, bytes] : outgoing)
      for (std::size_t at = 0; at < bytes.size(); at += piece_)
        check(MPI_Issend(bytes.data() + at, static_cast<int>((std::min)(piece_, bytes.size() - at)), MPI_BYTE, peer, 0,
                         comm_, &*request++),
              "MPI_Issend");
    for (MPI_Request barrier = MPI_REQUEST_NULL;;) {
      int done = 0;
      MPI_Status status;
      check(MPI_Iprobe(MPI_ANY_SOURCE, 0, comm_, &done, &status), "MPI_Iprobe");
      if (done != 0) {
        int count = 0;
        check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
        const int peer = status.MPI_SOURCE;
        check(MPI_Recv(piece.data(), count, MPI_BYTE, peer, 0, comm_, MPI_STATUS_IGNORE), "MPI_Recv");
        // Where memory is short, the rest is taken all the same, as the others wait for that; `together` reports it.
        if (!failure_) attempt([&] { incoming[peer].append(piece.data(), static_cast<std::size_t>(count)); });
        continue;
      }
      if (barrier != MPI_REQUEST_NULL) {
        check(MPI_Test(&barrier, &done, MPI_STATUS_IGNORE), "MPI_Test");
        if (done != 0) return incoming;
      } else {
        check(MPI_Testall(static_cast<int>(sends.size()), sends.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
        if (done != 0) check(MPI_Ibarrier(comm_, &barrier), "MPI_Ibarrier");
      }
      std::this_thread::yield();  // there may be more ranks than cores
    }
  }

  // The bytes that `make` returns, of every rank.
  messages gather_all(const auto& make) {
    return exchange([&] {
      const std::string own = make();
      messages out;
      for (int peer = 0; peer != size_; ++peer) out[peer] = own;
      return out;
    });
  }

  // Each of the values becomes what `operation` makes of it and of those of the other ranks.
  void reduce(std::span<std::uint64_t> values, MPI_Op operation) {
    const auto count = static_cast<int>(values.size());
    check(MPI_Allreduce(MPI_IN_PLACE, values.data(), count, MPI_UINT64_T, operation, comm_), "MPI_Allreduce");
  }

 private:
  void check(int code, const char* function) const {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    detail::raise(mpi_error(rank_, std::string("dcp: ") + function + ": " + text));
  }

  void attempt(const auto& work) {
#if defined(__cpp_exceptions)
    try {
      work();
    } catch (const std::exception& error) {
      failure_ = std::current_exception();
      std::snprintf(failure_text_, sizeof failure_text_, "%s", error.what());
    } catch (...) {
      failure_ = std::current_exception();
      std::snprintf(failure_text_, sizeof failure_text_, "an exception that is no std::exception");
    }
#else
    work();
#endif
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::size_t piece_;
  int rank_ = -1;
  int size_ = 0;
  std::exception_ptr failure_;   // of this rank, not yet told to the others
  char failure_text_[400] = "";  // no std::string, as it may be an allocation that has just failed
};

// ------------------------------------------------------------------------------------- what travels of an item

// An item as it travels, such that find_duplicates takes it for an item. It refers to the message.
struct sent_item {
  std::string_view record = {};  // all that is in the message
  std::string_view index = {};   // the bytes of the key
  bool writes_nothing = false;
  // For a policy, and for check_replicas:
  std::uint32_t position = 0;  // in its plan
  std::uint64_t bytes = 0;
  std::string_view data = {};
};
using sent_plan = std::vector<sent_item>;

inline sent_plan read_plan(std::string_view message, bool in_detail) {
  sent_plan items;
  for (byte_reader in(message); !in.left().empty();) {
    sent_item& item = items.emplace_back();
    const std::string_view from = in.left();
    const std::uint64_t size_and_empty = in.number();
    item.writes_nothing = size_and_empty % 2 != 0;
    item.index = in.bytes(size_and_empty / 2);
    if (in_detail) {
      item.position = in.small_number();
      item.bytes = in.number();
      item.data = in.bytes(in.number());
    }
    item.record = from.substr(0, from.size() - in.left().size());
  }
  return items;
}

// The plans of all ranks, as far as they have come.
inline std::vector<sent_plan> read_plans(const messages& received, int ranks, bool in_detail) {
  std::vector<sent_plan> plans(static_cast<std::size_t>(ranks));
  for (const auto& [rank, message] : received)
    plans[static_cast<std::size_t>(rank)] = detail::read_plan(message, in_detail);
  return plans;
}

inline std::map<int, byte_reader> readers(const messages& received) { return {received.begin(), received.end()}; }

// ------------------------------------------------------------------------------------------- the owner of keys

// What an owner answers of an item. If it conflicts, the place of the kept item comes next.
enum class answer { kept, redundant, conflicts };

void for_each_item(const std::vector<sent_plan>& plans, const duplicates& found, const auto& visit) {
  for (item_place place; place.plan != plans.size(); ++place.plan)
    for (place.position = 0; place.position != plans[place.plan].size(); ++place.position)
      visit(place, found.kept_item(place.plan, place.position));
}

// Of each shared index, in the order in which they first occur: where it does, its bytes, its holders, and the position
// of the item that `keep::first` keeps. The bytes of each other index are added to `own_bytes` of its rank: their lower
// 32 bits and their upper ones, so that no sum is too large for 64.
inline std::string records_of_shared(const std::vector<sent_plan>& plans, std::vector<std::uint64_t>& own_bytes) {
  shared_indices shared(0);
  const auto keep_first = [&](const shared_indices& all) {
    std::vector<std::uint32_t> keepers;
    for (std::size_t i = 0; i != all.size(); ++i) keepers.push_back(all.first(i).plan);
    shared = all;
    return keepers;
  };
  const duplicates found = dcp::find_duplicates(plans, {.keep = keep_first});
  std::string records;
  std::size_t next = 0;  // the shared index that has not occurred yet
  detail::for_each_item(plans, found, [&](item_place place, item_place kept) {
    const sent_item& writer = plans[kept.plan][kept.position];
    const bool occurs_first = next != shared.size() && kept == shared.first(next);
    const std::uint64_t times = std::uint64_t{place == kept} - std::uint64_t{occurs_first};  // in all 1; if shared, 0
    own_bytes[2 * std::size_t{kept.plan}] += times * (writer.bytes & ~std::uint32_t{0});
    own_bytes[2 * std::size_t{kept.plan} + 1] += times * (writer.bytes >> 32);
    if (!occurs_first) return;
    detail::append_number(records, std::uint64_t{place.plan} << 32 | plans[place.plan][place.position].position);
    detail::append_number(records, writer.bytes);
    detail::append_ranks(records, shared.holders(next++));
    detail::append_number(records, writer.position);
  });
  return records;
}

// For the items of each rank, in order.
inline messages answers_to(const std::vector<sent_plan>& plans, const keep_policy& keep) {
  messages answers;
  const duplicates found = dcp::find_duplicates(plans, {.keep = keep});
  detail::for_each_item(plans, found, [&](item_place place, item_place kept) {
    const sent_item& item = plans[place.plan][place.position];
    const sent_item& writer = plans[kept.plan][kept.position];
    const bool conflicts = !item.writes_nothing && item.data != writer.data;
    std::string& bytes = answers[static_cast<int>(place.plan)];
    const answer what = conflicts ? answer::conflicts : place == kept ? answer::kept : answer::redundant;
    detail::append_number(bytes, static_cast<std::uint64_t>(what));
    if (!conflicts) return;
    detail::append_number(bytes, kept.plan);
    detail::append_number(bytes, writer.position);
  });
  return answers;
}

// ------------------------------------------------------------------------------------------- a rank's own plan

// Finds which items of this rank's plan are redundant.
template <class Plan>
class plan_of_rank {
 public:
  plan_of_rank(communicator& ranks, const options& settings)
      : ranks_(ranks), settings_(settings), in_detail_(settings.keep || settings.check_replicas) {}

  // Writes the records of all items. Not collective.
  void read(const Plan& plan) {
    std::span<const Plan, 1> plans(std::addressof(plan), 1);
    is_redundant_.resize(items_.emplace(plans).size());
    std::string key;
    std::string data;
    for (item_place place; place.position != items_->size(); ++place.position) {
      const auto& item = items_->item(place);
      key.clear();
      detail::append_key<reader_type>(reader_type::index(item), key);
      const unsigned empty = reader_type::is_empty(item) ? 1 : 0;
      hashes_.push_back(detail::hash_of(key) ^ empty);  // neighbours compare an empty item with its like alone
      detail::append_number(bytes_, std::uint64_t{key.size()} * 2 + empty);
      bytes_ += key;
      if (!in_detail_) continue;
      detail::append_number(bytes_, place.position);
      detail::append_number(bytes_, settings_.keep ? items_->bytes(place) : 0);
      data.clear();
      if constexpr (has_data<reader_type>)
        if (settings_.check_replicas) detail::ask<append_data_question, reader_type::is_entry>(item, data);
      detail::append_bytes(bytes_, data);
    }
    sent_ = detail::read_plan(bytes_, in_detail_);
    if (dcp::find_duplicates(plans) != dcp::find_duplicates(std::span<const sent_plan, 1>(&sent_, 1)))
      detail::raise(
          std::invalid_argument("dcp: append_key makes one key of indices that differ, or two of equal ones"));
  }

  // Finds items that a neighbour of a lower rank has too. Else all ranks would ask the owner of an index that all have;
  // so one rank of each block of neighbours asks. There are about as many blocks as there are ranks in a block. Say the
  // ranks 4 and 6 of the block 4 to 7 have an index, and its hash chooses rank 5 to compare:
  //
  //     4 and 6 -> 5   4 bytes of the hash
  //     5 -> 4 and 6   how many ranks ahead the next is that has sent the same: 2 and 0, which is none
  //     4 -> 6         the record; rank 6 finds it in its plan, so its item is redundant
  //     4 -> owner     the record, later; rank 6 does not ask
  //
  // Hashes may be alike where keys differ; then rank 6 does not find the record, and asks as well. A record also says
  // whether the item is empty, and only like items are compared: so an item that is redundant here is for all ranks.
  void share_with_neighbours(std::size_t hash_bytes) {
    int block = 1;
    while (block * block < ranks_.size()) ++block;
    const int first = ranks_.rank() / block * block;
    const int count = (std::min)(block, ranks_.size() - first);
    const auto comparer = [&](std::size_t position) { return first + detail::choose_by(hashes_[position], count); };

    const messages parts = ranks_.exchange([&] {
      messages out;
      for (std::size_t position = 0; position != sent_.size(); ++position)
        for (std::size_t i = 0; i != hash_bytes; ++i)
          out[comparer(position)] += static_cast<char>(hashes_[position] >> 8 * i & 0xFF);
      return out;
    });
    const messages nexts = ranks_.exchange([&] { return next_of_each(parts, hash_bytes); });
    const messages records = ranks_.exchange([&] {
      messages out;
      std::map<int, byte_reader> from = detail::readers(nexts);
      for (std::size_t position = 0; position != sent_.size(); ++position)
        if (const auto ahead = static_cast<int>(from.at(comparer(position)).number()); ahead != 0)
          out[ranks_.rank() + ahead] += sent_[position].record;
      return out;
    });
    ranks_.together([&] {
      std::vector<sent_plan> plans = detail::read_plans(records, ranks_.rank(), in_detail_);
      plans.push_back(sent_);
      for (sent_plan& plan : plans)
        for (sent_item& item : plan) item.index = item.record;
      const duplicates found = dcp::find_duplicates(plans);
      for (const duplicate each : found.in(plans.size() - 1)) is_redundant_[each.position] = true;
    });
  }

  // Asks the owners of the keys. `bytes_known`: what a policy is told.
  void ask_owners(bool bytes_known) {
    const messages keys = ranks_.exchange([&] {
      messages out;
      for_each_open([&](std::uint32_t position) { out[owner(position)] += sent_[position].record; });
      return out;
    });
    std::vector<sent_plan> plans;  // of all ranks, as far as this one owns their keys
    ranks_.together([&] { plans = detail::read_plans(keys, ranks_.size(), in_detail_); });
    std::vector<std::uint32_t> keepers;
    if (settings_.keep) keepers = choose_keepers(plans, bytes_known);
    const messages answers = ranks_.exchange([&] {
      const auto chosen = [&](const shared_indices&) { return keepers; };
      return detail::answers_to(plans, settings_.keep ? keep_policy(chosen) : keep::first);
    });
    ranks_.together([&] {
      std::map<int, byte_reader> from = detail::readers(answers);
      for_each_open([&](std::uint32_t position) {
        byte_reader& in = from.at(owner(position));
        const auto what = static_cast<answer>(in.number());
        is_redundant_[position] = what != answer::kept;
        if (what != answer::conflicts) return;
        conflicts_.push_back(
            {{}, static_cast<std::size_t>(ranks_.rank()), position, in.small_number(), in.small_number()});
      });
    });
  }

  // Throws the same on every rank, if any has a conflict.
  void agree_on_conflicts() {
    constexpr std::size_t most_listed = 10;
    std::uint64_t count[] = {conflicts_.size()};
    ranks_.reduce(count, MPI_SUM);
    if (count[0] == 0) return;
    const messages all = ranks_.gather_all([&] {
      std::string bytes;
      conflicts_.resize((std::min)(conflicts_.size(), most_listed));
      for (conflict& each : conflicts_) {
        detail::append_index(each.index, items_->index({0, static_cast<std::uint32_t>(each.position)}), each.position);
        detail::append_bytes(bytes, each.index);
        for (const auto number : {each.position, each.keeper, each.keeper_position})
          detail::append_number(bytes, number);
      }
      return bytes;
    });
    ranks_.together([&] {
      conflicts_.clear();
      for (auto& [rank, in] : detail::readers(all))
        while (!in.left().empty() && conflicts_.size() != most_listed)
          conflicts_.push_back({std::string(in.bytes(in.number())), static_cast<std::size_t>(rank), in.small_number(),
                                in.small_number(), in.small_number()});
      detail::raise(conflict_error(static_cast<std::size_t>(count[0]), std::move(conflicts_)));
    });
  }

  [[nodiscard]] bool is_redundant(std::uint32_t position) const { return is_redundant_[position]; }

  // As one machine has it for plans of which only this one has redundant items. Empty if it has none.
  [[nodiscard]] std::string removal_message() const {
    std::vector<duplicate> redundant;
    for (std::uint32_t position = 0; position != is_redundant_.size(); ++position)
      if (is_redundant_[position]) redundant.push_back({position});
    if (redundant.empty()) return {};
    std::string text = "Duplicate keys to remove: {";
    std::size_t left = redundant.size();
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return items_->index({0, position}); };
    detail::append_removed(text, static_cast<std::size_t>(ranks_.rank()), redundant, index_at, settings_.max_message,
                           left);
    return text += '}';
  }

 private:
  using plan_items = planned_items<std::span<const Plan, 1>>;
  using reader_type = typename plan_items::reader;

  [[nodiscard]] int owner(std::size_t position) const { return detail::choose_by(hashes_[position], ranks_.size()); }

  // What is not known yet to be redundant.
  void for_each_open(const auto& visit) const {
    for (std::uint32_t position = 0; position != sent_.size(); ++position)
      if (!is_redundant_[position]) visit(position);
  }

  // For each part of a hash that a neighbour sent: how many ranks ahead is the next that sent it too; 0 if none.
  static messages next_of_each(const messages& parts, std::size_t hash_bytes) {
    std::unordered_map<std::string_view, std::pair<int, std::size_t>> last;  // the rank, and the number of its part
    std::map<int, std::vector<int>> ahead;
    for (const auto& [rank, message] : parts) {
      byte_reader in(message);
      for (std::size_t number = 0; !in.left().empty(); ++number) {
        ahead[rank].push_back(0);
        const auto [before, is_new] = last.try_emplace(in.bytes(hash_bytes), rank, number);
        if (is_new) continue;
        const auto [rank_before, number_before] = std::exchange(before->second, {rank, number});
        ahead[rank_before][number_before] = rank - rank_before;  // 0: one rank has it twice
      }
    }
    messages out;
    for (const auto& [rank, numbers] : ahead)
      for (const int each : numbers) detail::append_number(out[rank], static_cast<std::uint64_t>(each));
    return out;
  }

  // Every rank makes the same choice, or else all throw. Returns the keepers of the shared indices in `plans`.
  std::vector<std::uint32_t> choose_keepers(const std::vector<sent_plan>& plans, bool bytes_known) {
    struct told_index {
      std::uint64_t place;  // where it first occurs
      int owner;
      std::uint64_t bytes;
      std::vector<std::uint32_t> holders;
      std::uint32_t position;  // in the plan of the first holder, of the item that keep::first keeps
    };
    std::vector<std::uint64_t> own_bytes;
    const messages records = ranks_.gather_all([&] {
      own_bytes.resize(2 * plans.size());
      return detail::records_of_shared(plans, own_bytes);
    });
    ranks_.reduce(own_bytes, MPI_SUM);
    std::vector<std::uint32_t> own;
    std::uint64_t lowest[2] = {};  // of the ranks' hashes of what they choose, and of their complements
    ranks_.together([&] {
      std::vector<told_index> told;
      shared_indices shared(plans.size(), bytes_known);
      for (std::size_t rank = 0; rank != plans.size(); ++rank) {
        const std::uint64_t upper = own_bytes[2 * rank + 1];
        if (upper >> 32 != 0) detail::raise(std::overflow_error("dcp: a plan has 2^64 bytes or more"));
        shared.add_own_bytes(rank, own_bytes[2 * rank]);
        shared.add_own_bytes(rank, upper << 32);
      }
      for (auto& [owner, in] : detail::readers(records))
        while (!in.left().empty()) told.push_back({in.number(), owner, in.number(), in.ranks(), in.small_number()});
      std::sort(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.place < b.place; });
      for (const told_index& each : told) shared.add(each.bytes, each.holders, {each.holders.front(), each.position});
      const std::vector<std::uint32_t> keepers = detail::keepers_by(settings_.keep, shared);
      for (std::size_t i = 0; i != keepers.size(); ++i) {
        lowest[0] = (lowest[0] ^ keepers[i]) * 0x100000001B3u;
        if (told[i].owner == ranks_.rank()) own.push_back(keepers[i]);
      }
      lowest[1] = ~lowest[0];
    });
    ranks_.reduce(lowest, MPI_MIN);
    if (lowest[0] != ~lowest[1])
      detail::raise(std::invalid_argument("dcp: the keep policy chooses differently on different ranks"));
    return own;
  }

  communicator& ranks_;
  const options& settings_;
  const bool in_detail_;  // what travels of an item
  std::optional<plan_items> items_;
  std::string bytes_;  // the records of all items, …
  sent_plan sent_;     // … and what is in them
  std::vector<std::uint64_t> hashes_;
  std::vector<bool> is_redundant_;
  std::vector<conflict> conflicts_;  // without the index as text
};

// ------------------------------------------------------------------------------------------------ all in turn

// What the ranks agree on at the start, or else all throw. They may have plans of different types. Returns whether
// items tell bytes.
template <class Plan>
bool agree(communicator& ranks, const Plan& plan, const options& settings) {
  using reader_type = reader_of<std::span<const Plan, 1>>;
  constexpr std::uint64_t most = ~std::uint32_t{0} - 1;
  std::uint64_t sums[] = {0, static_cast<bool>(settings.keep), settings.check_replicas, has_data<reader_type>,
                          !std::is_void_v<typename reader_type::template answer<storage_size_question>>};
  ranks.together([&] {
    if (detail::is_null(plan)) return;  // refused when it is read
    const auto& own_items = detail::items_in(plan);
    sums[0] = (std::min)(detail::count_of(own_items, most), most + 1);
  });
  ranks.reduce(sums, MPI_SUM);
  const auto [items, with_policy, checked, with_data, with_bytes] = sums;
  const auto all = static_cast<std::uint64_t>(ranks.size());
  if (with_policy % all != 0 || checked % all != 0)
    detail::raise(std::invalid_argument("dcp: the ranks have different options (keep or check_replicas)"));
  if (checked != 0 && with_data != all)
    detail::raise(std::invalid_argument(
        "dcp: across ranks check_replicas needs write_item_traits<Item>::append_data, or a member function of items"));
  if (items > most) detail::raise(std::length_error("dcp: the plans have 2^32 - 1 items or more"));
  return with_bytes != 0;
}

template <class Plan>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, MPI_Comm comm, const options& settings, source_location where,
                                        const tuning& how) {
  using value = std::remove_cvref_t<Plan>;
  constexpr bool in_place = !std::is_lvalue_reference_v<Plan> && !std::is_const_v<std::remove_reference_t<Plan>>;
  communicator ranks(comm, how);
  const bool bytes_known = detail::agree<value>(ranks, plan, settings);
  std::optional<value> copy;
  value* result = nullptr;
  plan_of_rank<value> own(ranks, settings);
  ranks.together([&] {
    // The decision is made in the copy: a hash map's may have another order.
    if constexpr (in_place) result = std::addressof(plan);
    else result = std::addressof(copy.emplace(std::as_const(plan)));
    std::span<value, 1> changed(result, 1);
    std::span<const value, 1> original(std::addressof(plan), 1);
    detail::refuse_shared_items(changed, in_place ? nullptr : &original);
    own.read(*result);
  });
  if (ranks.size() > how.few && !settings.keep && !settings.check_replicas) own.share_with_neighbours(how.hash_bytes);
  own.ask_owners(bytes_known);
  if (settings.check_replicas) own.agree_on_conflicts();

  const auto erase = [&] {
    detail::erase_items(detail::items_in(*result), [&](std::uint32_t position) { return own.is_redundant(position); });
  };
  ranks.together([&] {
    if (std::string message = settings.log ? own.removal_message() : ""; !message.empty())
      settings.log({log_level::info, std::move(message), where});
    if constexpr (!in_place) erase();
  });
  // Nothing throws from here on, as long as moving an item or the plan does not.
  if constexpr (in_place) erase();
  return std::move(*result);
}

}  // namespace detail

template <class Plan, std::convertible_to<MPI_Comm> Communicator>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, const Communicator& comm, const options& settings,
                                        source_location where) {
  constexpr bool copies = std::is_lvalue_reference_v<Plan> || std::is_const_v<std::remove_reference_t<Plan>>;
  if constexpr (detail::check_sendable<std::remove_cvref_t<Plan>, copies>())
    return detail::dedup_tensors(std::forward<Plan>(plan), comm, settings, where, detail::tuning{});
  else detail::raise(std::logic_error(""));
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_MPI_HPP
