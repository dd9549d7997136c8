// SPDX-License-Identifier: MIT
//
// dcp::dedup_tensors across the ranks of an MPI job: every rank has its own plan, and no rank ever holds them all.
//
//     plan = dcp::dedup_tensors(std::move(plan), MPI_COMM_WORLD);  // on every rank: it gets its own plan back
//
// The result is that of gathering all plans in the order of the ranks and calling the one-machine dedup_tensors. But
// gathering costs one rank the bytes of all; here a rank's bytes do not grow with the ranks. (In PyTorch, to gather
// and scatter plans took 90 seconds of a save on 256 ranks: pytorch PR 149785; on 2,816 ranks it ran into a limit of
// 30 minutes: accelerate issue 4099.)
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
#include <tuple>
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
/// same options but for the logger. An lvalue is left as it was; a plan that is moved in is worked on in place.
///
/// Two indices are equal if the bytes are that they travel as, which are appended to `bytes` by
///
///     static void write_item_traits<my_item>::append_key(const my_index& index, std::string& bytes);
///
/// It is ready-made for what converts to std::string_view; for types whose values are told by their bytes
/// (std::has_unique_object_representations: integers, enumerations, structs of them); for pairs, tuples, optionals and
/// ranges of such parts; and for an index like PyTorch's MetadataIndex (with members `fqn` and `offset`; others take no
/// part). Traits with a `hash` or an `equal` have to have it. `check_replicas` compares bytes too:
///
///     static void write_item_traits<my_item>::append_data(const my_item& item, std::string& bytes);
///
/// is ready-made for items like PyTorch's WriteItem (`type`, `bytes_io_data`, `tensor_data`) and for types whose
/// values are told by their bytes, unless their traits have a `same_data`. The logger of each rank is told what that
/// rank loses; the plan's number is the rank.
///
/// How: a key goes to the rank that its hash chooses, which decides as `find_duplicates` does and answers a byte. Among
/// more than 64 ranks, neighbours first find out from 4 bytes of hash which keys they share, and only the first of
/// them sends such a key on; or else a key that all have would come to one rank as often as there are ranks. So with
/// `keep::first` a rank sends and receives 2 to 3 times the bytes of its own plan's keys, however many ranks there
/// are. Another policy makes one choice over all plans: every rank also gets a small record (its bytes, and who has it)
/// of each index that several ranks have, and runs the policy on all of them. With it, and with `check_replicas`,
/// neighbours do not share.
///
/// Complexity: linear in the items of the plan and the keys that come to the rank, in time and memory.
///
/// What is thrown on one rank (by its append_key, policy, logger, an allocation) becomes known to all before any plan is
/// changed: that rank throws it on, the others throw mpi_error. So it is too where two indices in its plan are equal and
/// their bytes are not, or the other way round (std::invalid_argument). All ranks alike throw std::invalid_argument for
/// an inter-communicator, options or a policy's choices that differ between ranks, and `check_replicas` of items without
/// `append_data`; conflict_error; and with a policy std::overflow_error for a plan of 2^64 bytes or more. An error of
/// MPI is an mpi_error with MPI's text on the ranks that MPI tells it to. It works on a duplicate of `comm`, and so
/// meets no message of the caller's.
/// A plan that is moved in is moved out last: if moving it throws, as a std::deque of items may, it is changed by then.
template <class Plan, std::convertible_to<MPI_Comm> Communicator>
[[nodiscard]] std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, const Communicator& comm,
                                                      const options& settings = {},
                                                      source_location where = source_location::current());

// ============================================================================================= the machinery
//
// In this order: numbers, keys and data as bytes; the communicator; what travels; the owner of keys; a rank's own plan.

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

// Ranks that share an index are mostly evenly spaced: they travel as runs of a first rank, a step and a count.
inline void append_ranks(std::string& bytes, std::span<const std::uint32_t> ranks) {
  detail::append_number(bytes, ranks.size());
  while (!ranks.empty()) {
    const std::uint32_t step = ranks.size() > 1 ? ranks[1] - ranks[0] : 0;
    std::size_t count = 1;
    while (count != ranks.size() && ranks[count] - ranks[count - 1] == step) ++count;
    detail::append_number(bytes, ranks.front());
    detail::append_number(bytes, step);
    detail::append_number(bytes, count);
    ranks = ranks.subspan(count);
  }
}

// Reads what was appended, in the same order.
class reader {
 public:
  explicit reader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  unsigned char byte() {
    const char next = left_.front();
    left_.remove_prefix(1);
    return static_cast<unsigned char>(next);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const unsigned char next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
      if (next < 0x80) return value;
    }
  }
  std::uint32_t small_number() { return static_cast<std::uint32_t>(number()); }

  std::string_view bytes() {
    const std::uint64_t size = number();
    const std::string_view value = left_.substr(0, size);
    left_.remove_prefix(size);
    return value;
  }
  std::string_view rest() { return std::exchange(left_, {}); }

  std::vector<std::uint32_t> ranks() {
    std::vector<std::uint32_t> result(number());
    for (std::size_t i = 0; i != result.size();) {
      std::uint32_t rank = small_number();
      const std::uint32_t step = small_number();
      for (std::uint64_t count = number(); count != 0; --count, rank += step) result[i++] = rank;
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

template <class Value>
concept told_by_bytes = std::has_unique_object_representations_v<Value> && std::is_trivially_copyable_v<Value> &&
                        !std::is_pointer_v<Value>;  // an address means nothing on another rank

template <class Value>
concept text = std::convertible_to<const Value&, std::string_view> && !std::is_pointer_v<Value>;

template <class Value>
consteval bool travels();

template <class Index>
concept like_metadata_index = requires(const Index& index) {
  { index.fqn } -> std::convertible_to<std::string_view>;
  { index.offset } -> optional_like;
  requires detail::travels<std::remove_cvref_t<decltype(index.offset)>>();
};

// What is equal if its parts are, in their order. (That of a hash table says nothing.)
template <class Value>
concept equal_by_parts = has_parts<Value> && !requires { typename Value::hasher; } &&
                         !requires(const Value& value) { value.valueless_by_exception(); };

// Whether bytes for it are ready-made.
template <class Value>
consteval bool travels() {
  if constexpr (text<Value> || like_metadata_index<Value>) return true;
  else if constexpr (equal_by_parts<Value>)
    return detail::all_parts<Value>([]<class Part>(type_list<Part>) { return detail::travels<Part>(); });
  else return !has_parts<Value> && told_by_bytes<Value>;
}

// Tells where it ends: so the bytes of several values are equal if these are, one by one.
template <class Value>
void append_value(std::string& bytes, const Value& value) {
  if constexpr (text<Value>) {
    detail::append_bytes(bytes, value);
  } else if constexpr (like_metadata_index<Value>) {
    detail::append_value(bytes, value.offset);
    detail::append_bytes(bytes, value.fqn);
  } else if constexpr (equal_by_parts<Value>) {
    if constexpr (optional_like<Value>) detail::append_number(bytes, value.has_value() ? 1 : 0);
    else if constexpr (std::ranges::forward_range<const Value>) detail::append_number(bytes, detail::count_of(value));
    detail::for_each_part(value, [&](const auto& part) { detail::append_value(bytes, part); });
  } else if constexpr (std::is_integral_v<Value> && sizeof(Value) <= sizeof(std::uint64_t)) {
    detail::append_number(bytes, static_cast<std::uint64_t>(value));
  } else {
    bytes.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof value);
  }
}

// What bytes are made of: a map's entry leaves that to its value.
template <class Item>
constexpr const auto& described(const Item& item) {
  if constexpr (map_entry<const Item>) return access::target(item.second);
  else return item;
}
template <class Item>
using described_by = std::remove_cvref_t<decltype(detail::described(std::declval<const Item&>()))>;

template <class Item, class Index = index_of<Item>>
concept appends_key = requires(const Index& index, std::string& bytes) {
  write_item_traits<described_by<Item>>::append_key(index, bytes);
};

template <class Item, class Index = index_of<Item>>
concept compares_its_own_way = requires(const Index& index) { write_item_traits<Item>::hash(index); } ||
                               requires(const Index& index) { write_item_traits<Item>::equal(index, index); };

template <class Item>
void append_key(const index_of<Item>& index, std::string& bytes) {
  if constexpr (appends_key<Item>) write_item_traits<described_by<Item>>::append_key(index, bytes);
  else detail::append_value(bytes, index);
}

// What of a tensor is compared.
template <class Tensor, class Properties>
auto parts_of_tensor(const Tensor& of, const Properties& has)
    -> decltype(std::tie(of.chunk.offsets, of.chunk.sizes, of.size, has.dtype, has.layout, has.requires_grad,
                         has.memory_format, has.pin_memory)) {
  return {of.chunk.offsets, of.chunk.sizes,    of.size,           has.dtype,
          has.layout,       has.requires_grad, has.memory_format, has.pin_memory};
}

template <class Item>
concept like_write_item = requires(const Item& item) {
  requires detail::travels<std::remove_cvref_t<decltype(item.type)>>();
  requires detail::travels<std::remove_cvref_t<decltype(item.bytes_io_data->nbytes)>>();
  requires detail::travels<decltype(detail::parts_of_tensor(*item.tensor_data, item.tensor_data->properties))>();
};

template <class Item>
concept appends_data =
    requires(const Item& item, std::string& bytes) { write_item_traits<Item>::append_data(item, bytes); };

// (Where the trait has another idea of the same data, bytes are not ready-made.)
template <class Item>
concept has_data = appends_data<Item> || (!requires(const Item& item) {
                     write_item_traits<Item>::same_data(item, item);
                   } && (like_write_item<Item> || told_by_bytes<Item>));

template <class Item>
void append_data(const Item& item, std::string& bytes) {
  if constexpr (appends_data<Item>) {
    write_item_traits<Item>::append_data(item, bytes);
  } else if constexpr (like_write_item<Item>) {
    detail::append_value(bytes, item.type);
    detail::append_value(bytes, static_cast<bool>(item.bytes_io_data));
    if (item.bytes_io_data) detail::append_value(bytes, item.bytes_io_data->nbytes);
    if (item.tensor_data)
      detail::append_value(bytes, detail::parts_of_tensor(*item.tensor_data, item.tensor_data->properties));
  } else if constexpr (told_by_bytes<Item>) {
    detail::append_value(bytes, item);
  }
}

template <class Plan, bool Copies>
consteval bool check_sendable() {
  if constexpr (detail::check_returnable<std::vector<Plan>, Copies>()) {
    using item = item_of<Plan>;
    constexpr bool has_key = appends_key<item> || (!compares_its_own_way<item> && detail::travels<index_of<item>>());
    static_assert(has_key,
                  "dcp: the index of a write item cannot travel between ranks: specialise dcp::write_item_traits<Item> "
                  "with `static void append_key(const Index&, std::string& bytes)`, which appends bytes that are equal "
                  "where indices are equal, as a trait's `hash` and `equal` compare them on one rank alone");
    return has_key;
  }
  return false;
}

// ------------------------------------------------------------------------------------------------ the communicator

// What tests change.
struct tuning {
  std::size_t piece = 256 * 1024;  // the most bytes in a message; more are sent in pieces
  int few = 64;                    // that many ranks do not share with neighbours first
  int hash_bytes = 4;              // that neighbours compare before they compare keys
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
  template <class Work>
  void together(const Work& work) {
    if (!failure_) attempt(work);
    std::uint64_t lowest[] = {static_cast<std::uint64_t>(failure_ ? rank_ : size_)};
    reduce(lowest, MPI_MIN);
    const auto failed = static_cast<int>(lowest[0]);
    if (failed == size_) return;
    check(MPI_Bcast(failure_text_, static_cast<int>(sizeof failure_text_), MPI_CHAR, failed, comm_), "MPI_Bcast");
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    detail::raise(mpi_error(failed, "dcp: rank " + std::to_string(failed) + " failed: " + failure_text_));
  }

  // Sends the messages that `make` returns, and returns those that came. A rank need not know who sends to it: to know
  // all sizes beforehand, as MPI_Alltoallv wants it, takes a number from each rank to each, soon more bytes than the
  // keys. A rank whose messages have all been taken enters a barrier, and takes messages until all have entered.
  // (Hoefler, Siebert, Lumsdaine: Scalable communication protocols for dynamic sparse data exchange, 2010.)
  template <class Make>
  messages exchange(const Make& make) {
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
  template <class Make>
  messages gather_all(const Make& make) {
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

  // Whether all ranks have the same value.
  bool agree_on(std::uint64_t value) {
    std::uint64_t ends[] = {value, ~value};
    reduce(ends, MPI_MIN);
    return ends[0] == ~ends[1];
  }

 private:
  void check(int code, const char* function) const {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    detail::raise(mpi_error(rank_, std::string("dcp: ") + function + ": " + text));
  }

  template <class Work>
  void attempt(const Work& work) {
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

// What is read of an item's record, such that find_duplicates takes it for an item.
struct sent_item {
  std::string_view record = {};                    // all of it
  std::string_view index = {};                     // the bytes of the key
  std::string_view data = {};                      // for check_replicas
  std::optional<std::uint64_t> storage_size = {};  // for `keep::first` no other than 0
  std::uint32_t position = 0;                      // in its plan
};

struct sent_plan {
  int rank = 0;
  std::vector<sent_item> items = {};
};

// What is in a record beside the key: as little as does.
struct record_form {
  bool sizes = false;   // whether the item writes something …
  bool counts = false;  // … and how much, for a policy
  bool data = false;

  // (The data is appended next.)
  template <class Item>
  void append(std::string& record, std::uint32_t position, const Item& item, std::string_view key) const {
    if (counts || data) detail::append_number(record, position);
    if (sizes) {
      const std::uint64_t bytes = counts ? access::bytes(item).value_or(0) : 0;
      detail::append_number(record, access::writes_nothing(item) ? 0 : bytes != 0 ? 2 : 1);
      if (bytes != 0) detail::append_number(record, bytes);
    }
    if (data) detail::append_number(record, key.size());
    record += key;
  }

  [[nodiscard]] sent_plan read(int rank, std::string_view message) const {
    sent_plan plan{rank};
    for (reader in(message); !in.empty();) {
      sent_item& item = plan.items.emplace_back();
      item.record = in.bytes();
      reader record(item.record);
      if (counts || data) item.position = record.small_number();
      if (sizes)
        if (const unsigned kind = record.byte(); kind != 1) item.storage_size = kind == 0 ? 0 : record.number();
      item.index = data ? record.bytes() : record.rest();
      item.data = record.rest();
    }
    return plan;
  }
  [[nodiscard]] std::vector<sent_plan> read(const messages& received) const {
    std::vector<sent_plan> plans;
    for (const auto& [rank, message] : received) plans.push_back(read(rank, message));
    return plans;
  }
};

// ------------------------------------------------------------------------------------------- the owner of keys

// What an owner answers of an item.
enum class answer : unsigned char { stays, redundant, conflicts };  // the latter with the item that would be written

// Decides for the keys that all ranks have sent to this one.
class key_owner {
 public:
  key_owner(messages received, const record_form& form)
      : received_(std::move(received)), plans_(form.read(received_)), items_(plans_), search_(items_, true) {}
  key_owner& operator=(key_owner&&) = delete;  // nor is it copied or moved: its members refer to each other

  // As one machine does by keep::first.
  void keep_first() {
    if (search_.keeps_empty()) detail::choose_keepers(items_, search_, {});
  }

  // Of each index that several ranks have, in order: where it first occurs, its bytes and its holders. The bytes of all
  // others are added to what the rank has alone, in two halves: no sum of halves is too large for 64 bits.
  [[nodiscard]] std::string shared(std::vector<std::uint64_t>& own_bytes) const {
    const holder_lists holders(items_, search_);
    std::string records;
    std::vector<std::uint32_t> ranks;
    for (std::size_t number = 0; number != search_.distinct(); ++number) {
      ranks.clear();
      for (const std::uint32_t plan : holders.of(number))
        ranks.push_back(static_cast<std::uint32_t>(plans_[plan].rank));
      const std::uint64_t bytes = holders.bytes(number);
      if (ranks.size() == 1) {
        own_bytes[2 * std::size_t{ranks[0]}] += bytes & ~std::uint32_t{0};
        own_bytes[2 * std::size_t{ranks[0]} + 1] += bytes >> 32;
        continue;
      }
      const duplicate& first = search_.writer(number);
      const std::uint64_t position = items_.item(first.keeper, first.position).position;
      detail::append_number(records, static_cast<std::uint64_t>(plans_[first.keeper].rank) << 32 | position);
      detail::append_number(records, bytes);
      detail::append_ranks(records, ranks);
    }
    return records;
  }

  // The ranks that write what `shared` has told, in the same order.
  void keep(const std::vector<std::uint32_t>& ranks) {
    std::vector<std::uint32_t> keepers;
    for (const std::uint32_t rank : ranks) {
      const auto plan = std::lower_bound(plans_.begin(), plans_.end(), static_cast<int>(rank),
                                         [](const sent_plan& each, int wanted) { return each.rank < wanted; });
      keepers.push_back(static_cast<std::uint32_t>(plan - plans_.begin()));
    }
    detail::choose_keepers(items_, search_, [&](const shared_indices&) { return keepers; });
  }

  // For each item in order.
  [[nodiscard]] messages answers() const {
    messages told;
    search_.for_each_item([&](std::uint32_t plan, std::uint32_t position, std::uint32_t number) {
      const duplicate& writer = search_.writer(number);
      const sent_item& written = items_.item(writer.keeper, writer.position);
      const bool conflicts = items_.item(plan, position).data != written.data;
      const bool stays = search_.is_writer(plan, position, number);
      std::string& bytes = told[plans_[plan].rank];
      bytes += static_cast<char>(stays ? answer::stays : conflicts ? answer::conflicts : answer::redundant);
      if (!conflicts) return;
      detail::append_number(bytes, static_cast<std::uint64_t>(plans_[writer.keeper].rank));
      detail::append_number(bytes, written.position);
    });
    return told;
  }

 private:
  messages received_;  // what the items are views of
  std::vector<sent_plan> plans_;
  planned_items<std::vector<sent_plan>> items_;
  duplicate_search<planned_items<std::vector<sent_plan>>> search_;
};

// ------------------------------------------------------------------------------------------- a rank's own plan

// Finds which items of this rank's plan are redundant. All up to `redundant` is collective.
template <class Plan>
class plan_of_rank {
 public:
  plan_of_rank(communicator& ranks, const Plan& plan, const options& settings)
      : ranks_(ranks),
        settings_(settings),
        form_{.sizes = tells_bytes<item_type>,
              .counts = static_cast<bool>(settings.keep),
              .data = settings.check_replicas} {
    ranks.together([&] { read(plan); });
  }

  // Drops what a neighbour of a lower rank has. Neighbours are blocks of ranks, as many as there are blocks: so of a
  // key that all have, few come to a neighbour that looks after it, and few to its owner.
  void share_with_neighbours(int hash_bytes) {
    int block = 1;
    while (block * block < ranks_.size()) ++block;
    const int first = ranks_.rank() / block * block;
    const int count = (std::min)(block, ranks_.size() - first);
    const auto asks = [&](std::uint32_t position) { return first + detail::choose_by(hashes_[position], count); };

    // A part of the hash goes to the neighbour that looks after it. That one tells who has it next, so that …
    const messages parts = ranks_.exchange([&] {
      messages out;
      for (const std::uint32_t position : open_)
        for (int i = 0; i != hash_bytes; ++i)
          out[asks(position)] += static_cast<char>(hashes_[position] >> 8 * i & 0xFF);
      return out;
    });
    const messages nexts = ranks_.exchange([&] { return next_of_each(parts, hash_bytes); });

    // … the whole record goes from each to the next, which finds it in its plan or, if only the hashes are alike, does
    // not. As one that writes nothing is no record of one that does, what goes is redundant for all ranks.
    const messages records = ranks_.exchange([&] {
      messages out;
      std::map<int, reader> from = readers(nexts);
      for (const std::uint32_t position : open_)
        if (const auto ahead = static_cast<int>(from.at(asks(position)).number()); ahead != 0)
          detail::append_bytes(out[ranks_.rank() + ahead], items_[position].record);
      return out;
    });
    ranks_.together([&] {
      std::vector<sent_plan> plans = record_form{}.read(records);
      plans.push_back(record_form{}.read(ranks_.rank(), bytes_));
      const duplicates found = dcp::find_duplicates(plans);
      for (const duplicate& each : found.in(plans.size() - 1)) is_redundant_[each.position] = true;
      std::erase_if(open_, [&](std::uint32_t position) { return is_redundant_[position]; });
    });
  }

  // Asks the owners of the keys.
  void ask_owners() {
    messages keys = ranks_.exchange([&] {
      messages out;
      for (const std::uint32_t position : open_) detail::append_bytes(out[owner(position)], items_[position].record);
      return out;
    });
    std::optional<key_owner> owned;
    std::vector<std::uint32_t> keepers;
    if (settings_.keep) {
      std::vector<std::uint64_t> own_bytes;
      const messages records = ranks_.gather_all([&] {
        own_bytes.resize(2 * static_cast<std::size_t>(ranks_.size()));
        return owned.emplace(std::move(keys), form_).shared(own_bytes);
      });
      ranks_.reduce(own_bytes, MPI_SUM);
      keepers = choose(records, own_bytes);
    }
    const messages answers = ranks_.exchange([&] {
      if (owned) owned->keep(keepers);
      else owned.emplace(std::move(keys), form_).keep_first();
      return owned->answers();
    });
    ranks_.together([&] { read_answers(answers); });
  }

  // Throws the same on every rank, if any has a conflict.
  void agree_on_conflicts() {
    constexpr std::size_t most_listed = 10;
    std::uint64_t count[] = {conflicts_.size()};
    ranks_.reduce(count, MPI_SUM);
    if (count[0] == 0) return;
    const messages all = ranks_.gather_all([&] {
      if (conflicts_.size() > most_listed) conflicts_.resize(most_listed);
      std::string bytes;
      for (const duplicate& each : conflicts_) {
        std::string text;
        detail::append_index(text, plan_->index(0, each.position), each.position);
        detail::append_bytes(bytes, text);
        for (const auto number : {each.position, each.keeper, each.keeper_position})
          detail::append_number(bytes, number);
      }
      return bytes;
    });
    ranks_.together([&] {
      std::vector<conflict> conflicts;
      for (auto& [rank, in] : readers(all))
        while (!in.empty() && conflicts.size() != most_listed)
          conflicts.push_back({std::string(in.bytes()), static_cast<std::size_t>(rank), in.small_number(),
                               in.small_number(), in.small_number()});
      detail::raise(conflict_error(count[0], std::move(conflicts)));
    });
  }

  [[nodiscard]] std::span<const duplicate> redundant() const { return redundant_; }

  // As one machine has it for plans of which only this one loses something.
  [[nodiscard]] std::string removal_message() const {
    std::string text = "Duplicate keys to remove: {";
    std::size_t left = redundant_.size();
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return plan_->index(0, position); };
    detail::append_removed(text, static_cast<std::size_t>(ranks_.rank()), redundant_, index_at,
                           settings_.log.max_message(), left);
    return text += '}';
  }

 private:
  using item_type = item_of<Plan>;
  using one_plan = std::span<const Plan, 1>;

  // Writes the records of all items.
  void read(const Plan& plan) {
    one_plan plans(std::addressof(plan), 1);
    plan_.emplace(plans);
    std::string record;
    std::string key;
    for (std::uint32_t position = 0; position != plan_->size(); ++position) {
      const item_type& item = plan_->item(0, position);
      record.clear();
      key.clear();
      detail::append_key<item_type>(plan_->index(0, position), key);
      form_.append(record, position, item, key);
      if (form_.data) detail::append_data(detail::described(item), record);
      detail::append_bytes(bytes_, record);
    }
    sent_plan sent = form_.read(ranks_.rank(), bytes_);
    if (dcp::find_duplicates(plans) != dcp::find_duplicates(std::span(&sent, 1)))
      detail::raise(
          std::invalid_argument("dcp: append_key makes one key of indices that differ, or two of equal ones"));
    items_ = std::move(sent.items);
    is_redundant_.resize(items_.size());
    for (std::uint32_t position = 0; position != items_.size(); ++position) {
      // For neighbours an item that writes nothing has another hash, as it takes the place of its like alone.
      hashes_.push_back(detail::hash_of(items_[position].index) ^ (items_[position].storage_size == 0U ? 1U : 0U));
      open_.push_back(position);
    }
  }

  // For each part of a hash that a neighbour sent: how many ranks ahead is the next that sent it too; 0 if none.
  static messages next_of_each(const messages& parts, int hash_bytes) {
    std::unordered_map<std::uint32_t, std::pair<int, std::size_t>> last;  // the rank, and the number of its part
    std::map<int, std::vector<int>> ahead;
    for (const auto& [rank, message] : parts) {
      reader in(message);
      for (std::size_t number = 0; !in.empty(); ++number) {
        ahead[rank].push_back(0);
        std::uint32_t part = 0;
        for (int i = 0; i != hash_bytes; ++i) part |= static_cast<std::uint32_t>(in.byte()) << 8 * i;
        const auto [before, is_new] = last.try_emplace(part, rank, number);
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

  // Every rank makes the same choice, from the same records, or else all throw. Returns the keepers of the indices that
  // this rank has told of.
  std::vector<std::uint32_t> choose(const messages& records, std::span<const std::uint64_t> own_bytes) {
    struct told_index {
      std::uint64_t place;  // where it first occurs
      int owner;
      std::uint64_t bytes;
      std::vector<std::uint32_t> holders;
    };
    std::vector<std::uint32_t> own;
    std::uint64_t hash = 0;
    ranks_.together([&] {
      std::vector<told_index> told;
      shared_indices shared(own_bytes.size() / 2, tells_bytes<item_type>);
      for (std::size_t rank = 0; rank != shared.plans(); ++rank) {
        const std::uint64_t upper = own_bytes[2 * rank + 1] + (own_bytes[2 * rank] >> 32);
        if (upper >> 32 != 0) detail::raise(std::overflow_error("dcp: a plan has 2^64 bytes or more"));
        shared.add_own_bytes(rank, upper << 32 | (own_bytes[2 * rank] & ~std::uint32_t{0}));
      }
      for (auto& [owner, in] : readers(records))
        while (!in.empty()) told.push_back({in.number(), owner, in.number(), in.ranks()});
      std::sort(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.place < b.place; });
      for (const told_index& each : told) shared.add(each.bytes, each.holders);
      const std::vector<std::uint32_t> keepers = detail::keepers_by(settings_.keep, shared);
      hash = detail::hash_of({reinterpret_cast<const char*>(keepers.data()), keepers.size() * sizeof(std::uint32_t)});
      for (std::size_t i = 0; i != keepers.size(); ++i)
        if (told[i].owner == ranks_.rank()) own.push_back(keepers[i]);
    });
    if (!ranks_.agree_on(hash))
      detail::raise(std::invalid_argument("dcp: the keep policy chooses differently on different ranks"));
    return own;
  }

  void read_answers(const messages& answers) {
    std::map<int, reader> from = readers(answers);
    for (const std::uint32_t position : open_) {
      reader& in = from.at(owner(position));
      const auto what = static_cast<answer>(in.byte());
      is_redundant_[position] = what != answer::stays;
      if (what != answer::conflicts) continue;
      conflicts_.push_back({position, in.small_number(), in.small_number()});
    }
    for (std::uint32_t position = 0; position != items_.size(); ++position)
      if (is_redundant_[position]) redundant_.push_back({position, static_cast<std::uint32_t>(ranks_.rank()), 0});
  }

  static std::map<int, reader> readers(const messages& received) {
    return std::map<int, reader>(received.begin(), received.end());
  }

  [[nodiscard]] int owner(std::size_t position) const { return detail::choose_by(hashes_[position], ranks_.size()); }

  communicator& ranks_;
  const options& settings_;
  const record_form form_;
  std::optional<planned_items<one_plan>> plan_;
  std::string bytes_;             // the records of all items, …
  std::vector<sent_item> items_;  // … and what is in them
  std::vector<std::uint64_t> hashes_;
  std::vector<bool> is_redundant_;
  std::vector<std::uint32_t> open_;   // positions of what is not known yet to be redundant
  std::vector<duplicate> conflicts_;  // with what would be written
  std::vector<duplicate> redundant_;  // each with the rank for its keeper, as nobody asks for that
};

template <class Plan>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, MPI_Comm comm, const options& settings, source_location where,
                                        const tuning& how) {
  using Value = std::remove_cvref_t<Plan>;
  constexpr bool in_place = !std::is_lvalue_reference_v<Plan> && !std::is_const_v<std::remove_reference_t<Plan>>;
  constexpr bool copies_all = !in_place && !copies_what_stays<std::vector<Value>>;
  communicator ranks(comm, how);
  if (!ranks.agree_on((settings.keep ? 2U : 0U) + (settings.check_replicas ? 1U : 0U)))
    detail::raise(std::invalid_argument("dcp: the ranks have different options (keep or check_replicas)"));
  if constexpr (!has_data<described_by<item_of<Value>>>)
    if (settings.check_replicas)
      detail::raise(
          std::invalid_argument("dcp: across ranks check_replicas wants write_item_traits<Item>::append_data"));
  std::optional<Value> copy;
  if constexpr (copies_all)
    ranks.together([&] {
      copy.emplace(std::as_const(plan));
      std::vector<const void*> objects{detail::items_object(std::as_const(plan)),
                                       detail::items_object(std::as_const(*copy))};
      detail::refuse_shared(objects, "dcp: a copy of the plan shares its items: pass the plan by std::move");
    });
  // The decision is made in the copy: a hash map's may have another order.
  plan_of_rank<Value> own(ranks, copies_all ? *copy : plan, settings);
  if (ranks.size() > how.few && !settings.keep && !settings.check_replicas) own.share_with_neighbours(how.hash_bytes);
  own.ask_owners();
  if (settings.check_replicas) own.agree_on_conflicts();

  ranks.together([&] {
    if constexpr (!in_place && !copies_all) copy.emplace(detail::copy_what_stays(std::as_const(plan), own.redundant()));
    if (settings.log && !own.redundant().empty()) settings.log({log_level::info, own.removal_message(), where});
    if constexpr (copies_all) detail::erase_items(access::items(*copy), own.redundant());
  });
  // Nothing throws from here on, as long as moving an item or the plan does not.
  if constexpr (in_place) {
    detail::erase_items(access::items(plan), own.redundant());
    return std::move(plan);
  } else {
    return std::move(*copy);
  }
}

}  // namespace detail

template <class Plan, std::convertible_to<MPI_Comm> Communicator>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, const Communicator& comm, const options& settings,
                                        source_location where) {
  constexpr bool in_place = !std::is_lvalue_reference_v<Plan> && !std::is_const_v<std::remove_reference_t<Plan>>;
  if constexpr (detail::check_sendable<std::remove_cvref_t<Plan>, !in_place>())
    return detail::dedup_tensors(std::forward<Plan>(plan), comm, settings, where, detail::tuning{});
}

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_MPI_HPP
