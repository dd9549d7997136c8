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

#include <dcp/dedup_tensors.hpp>

#include <mpi.h>

#include <algorithm>
#include <array>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
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

namespace detail {
// A range of plans has to stay with the one-machine overload, also where its options are an empty pair of braces.
template <class Plan>
concept plan_of_one_rank = has_items<Plan> || !forward_range<const Plan>;
}  // namespace detail

/// What a rank throws if another one failed, or MPI itself. The message names the rank and says what it threw.
struct mpi_error : std::runtime_error {
  mpi_error(int failed, const std::string& message) : std::runtime_error(message), rank(failed) {}

  int rank;  ///< the lowest rank that failed, in the communicator of the call; -1 if MPI has not told it
};

/// Leaves every index in one plan, as the one-machine `dedup_tensors` does to the plans of all ranks in their order,
/// and returns this rank's. Collective over `comm`: every rank calls it, with the same options but for the logger. A
/// plan given as an lvalue is left as it was; one that is moved in is worked on in place.
///
/// Keys travel as bytes and are compared whole: two indices are equal if their bytes are. These are appended to
/// `bytes` by
///
///     static void write_item_traits<my_item>::append_key(const my_index& index, std::string& bytes);
///
/// It is ready-made for what converts to std::string_view; for an index like PyTorch's MetadataIndex (with members
/// `fqn` and `offset`, an optional list of integers; others take no part); and for types whose values are told by
/// their bytes (std::has_unique_object_representations: integers, structs of them). `check_replicas` compares bytes
/// too:
///
///     static void write_item_traits<my_item>::append_data(const my_item& item, std::string& bytes);
///
/// is ready-made for items like PyTorch's WriteItem (`type`, `bytes_io_data`, `tensor_data`) and for types whose
/// values are told by their bytes. The logger of each rank is told what that rank loses; the plan's number is the
/// rank.
///
/// How: a key goes to the rank that its hash chooses, which decides with `find_duplicates` and answers a bit. Among
/// more than 64 ranks, neighbours first find out from 4 bytes of hash which keys they share, and only the first of
/// them sends such a key on; or else a key that all have would come to one rank as often as there are ranks. So with
/// `keep::first` a rank sends and receives 2 to 3 times the bytes of its own plan's keys, however many ranks there
/// are. `keep::balanced` is one choice over all plans: every rank also gets a small record (its bytes, and who has it)
/// of each index that several ranks have. With it, and with `check_replicas`, neighbours do not share.
///
/// Complexity: linear in the items of the plan and the keys that come to the rank, in time and memory.
///
/// What is thrown on one rank (by its append_key, hash, logger, an allocation) becomes known to all before any plan is
/// changed: that rank throws it on, the others throw mpi_error. All ranks alike throw std::invalid_argument for an
/// inter-communicator, options that differ between ranks, and `check_replicas` of items without `append_data`;
/// conflict_error; std::overflow_error for 2^64 bytes or more to balance; std::length_error for 2^31 bytes or more of
/// records to balance by. An error of MPI is an mpi_error with MPI's text on the ranks that MPI tells it to.
/// It works on a duplicate of `comm`, and so meets no message of the caller's.
/// A plan that is moved in is moved out last: if moving it throws, as a std::deque of items may, it is changed by then.
template <class Plan>
  requires detail::plan_of_one_rank<std::remove_cvref_t<Plan>>
[[nodiscard]] std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, MPI_Comm comm, const options& settings = {},
                                                      source_location where = source_location::current());

// ============================================================================================= the machinery
//
// In this order: numbers and texts as bytes; keys and data as bytes; the communicator; what a rank does for the keys
// that it owns; what it does for its own plan.

namespace detail {

// ------------------------------------------------------------------------------------------ numbers as bytes

// Seven bits a byte, the lowest first: small numbers are short, and machines of any byte order read the same.
inline void append_number(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7F) | 0x80);
  bytes += static_cast<char>(number);
}

inline void append_bytes(std::string& bytes, std::string_view value) {
  append_number(bytes, value.size());
  bytes += value;
}

// Ranks that share an index are mostly evenly spaced: they travel as runs of a first rank, a step and a count.
inline void append_ranks(std::string& bytes, std::span<const std::uint32_t> ranks) {
  append_number(bytes, ranks.size());
  while (!ranks.empty()) {
    const std::uint32_t step = ranks.size() > 1 ? ranks[1] - ranks[0] : 0;
    std::size_t count = 1;
    while (count != ranks.size() && ranks[count] - ranks[count - 1] == step) ++count;
    append_number(bytes, ranks.front());
    append_number(bytes, step);
    append_number(bytes, count);
    ranks = ranks.subspan(count);
  }
}

inline void append_bits(std::string& bytes, const std::vector<bool>& bits) {
  for (std::size_t i = 0; i != bits.size(); ++i) {
    if (i % 8 == 0) bytes += '\0';
    if (bits[i]) bytes.back() = static_cast<char>(bytes.back() | 1 << i % 8);
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
  bool bit() {
    if (bit_ % 8 == 0) bits_ = byte();
    return (bits_ >> bit_++ % 8 & 1) != 0;
  }

 private:
  std::string_view left_;
  unsigned bits_ = 0;
  unsigned bit_ = 0;
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

template <told_by_bytes Value>
void append_object(const Value& value, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof value);
}

template <class Index>
concept like_metadata_index = requires(const Index& index) {
  { index.fqn } -> std::convertible_to<std::string_view>;
  { index.offset.has_value() } -> std::convertible_to<bool>;
  { index.offset->size() } -> std::convertible_to<std::size_t>;
  requires std::integral<std::remove_cvref_t<decltype(*index.offset->begin())>>;
};

template <class Item>
concept appends_key =
    requires(const index_of<Item>& index, std::string& bytes) { write_item_traits<Item>::append_key(index, bytes); };

template <class Index>
concept has_ready_made_key = (std::convertible_to<const Index&, std::string_view> && !std::is_pointer_v<Index>) ||
                             like_metadata_index<Index> || told_by_bytes<Index>;

inline void append_size(const auto& size, std::string& bytes) {
  append_number(bytes, size.size());
  for (const auto extent : size) append_number(bytes, static_cast<std::uint64_t>(extent));
}

template <class Item>
void append_key(const index_of<Item>& index, std::string& bytes) {
  using Index = index_of<Item>;
  if constexpr (appends_key<Item>) {
    write_item_traits<Item>::append_key(index, bytes);
  } else if constexpr (std::convertible_to<const Index&, std::string_view>) {
    bytes += static_cast<std::string_view>(index);
  } else if constexpr (like_metadata_index<Index>) {
    // No offset, {} and {0} begin with 0, with 1, 0 and with 1, 1, 0. What is left then is the name.
    append_number(bytes, index.offset.has_value() ? 1 : 0);
    if (index.offset.has_value()) append_size(*index.offset, bytes);
    bytes += static_cast<std::string_view>(index.fqn);
  } else {
    append_object(index, bytes);
  }
}

template <class Item>
concept like_write_item = requires(const Item& item) {
  item.type;
  item.bytes_io_data->nbytes;
  item.tensor_data->chunk.offsets.size();
  item.tensor_data->chunk.sizes.size();
  item.tensor_data->properties.dtype;
  item.tensor_data->properties.layout;
  item.tensor_data->properties.requires_grad;
  item.tensor_data->properties.memory_format;
  item.tensor_data->properties.pin_memory;
  item.tensor_data->size.size();
};

template <class Item>
concept appends_data =
    requires(const Item& item, std::string& bytes) { write_item_traits<Item>::append_data(item, bytes); };

template <class Item>
concept has_data = appends_data<Item> || like_write_item<Item> || told_by_bytes<Item>;

template <class Item>
void append_data(const Item& item, std::string& bytes) {
  const auto append = [&](auto value) { append_number(bytes, static_cast<std::uint64_t>(value)); };
  if constexpr (appends_data<Item>) {
    write_item_traits<Item>::append_data(item, bytes);
  } else if constexpr (like_write_item<Item>) {
    append(item.type);
    append(static_cast<bool>(item.bytes_io_data));
    if (item.bytes_io_data) append(item.bytes_io_data->nbytes);
    append(static_cast<bool>(item.tensor_data));
    if (item.tensor_data) {
      const auto& properties = item.tensor_data->properties;
      append_size(item.tensor_data->chunk.offsets, bytes);
      append_size(item.tensor_data->chunk.sizes, bytes);
      append_size(item.tensor_data->size, bytes);
      append(properties.dtype);
      append(properties.layout);
      append(properties.requires_grad);
      append(properties.memory_format);
      append(properties.pin_memory);
    }
  } else if constexpr (told_by_bytes<Item>) {
    append_object(item, bytes);
  }
}

template <class Plan>
consteval bool check_sendable() {
  if constexpr (check_erasable<std::vector<Plan>>()) {
    using Item = item_of<Plan>;
    constexpr bool has_key = appends_key<Item> || has_ready_made_key<index_of<Item>>;
    static_assert(has_key,
                  "dcp: the index of a write item cannot travel between ranks: specialise dcp::write_item_traits<Item> "
                  "with `static void append_key(const Index&, std::string& bytes)`, which appends bytes that are equal "
                  "where indices are equal");
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

// The ranks of the call. All functions but the first two are collective.
class communicator {
 public:
  communicator(MPI_Comm comm, const tuning& how) : comm_(comm), piece_(std::clamp<std::size_t>(how.piece, 1, INT_MAX)) {
    check(MPI_Comm_rank(comm_.value, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(comm_.value, &size_), "MPI_Comm_size");
  }

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  // Does a rank's own work. If it fails on one rank, this throws on all.
  template <class Work>
  void together(const Work& work) {
    if (!failure_) attempt(work);
    const int failed = reduce(std::array{failure_ ? rank_ : size_}, MPI_INT, MPI_MIN)[0];
    if (failed == size_) return;
    char text[400] = "";
    if (failed == rank_) describe(failure_, text);
    check(MPI_Bcast(text, static_cast<int>(sizeof text), MPI_CHAR, failed, comm_.value), "MPI_Bcast");
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    raise(mpi_error(failed, "dcp: rank " + std::to_string(failed) + " failed: " + text));
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
        check(MPI_Issend(bytes.data() + at, static_cast<int>(std::min(piece_, bytes.size() - at)), MPI_BYTE, peer, 0,
                         comm_.value, &*request++),
              "MPI_Issend");
    for (MPI_Request barrier = MPI_REQUEST_NULL;;) {
      int done = 0;
      MPI_Status status;
      check(MPI_Iprobe(MPI_ANY_SOURCE, 0, comm_.value, &done, &status), "MPI_Iprobe");
      if (done != 0) {
        int count = 0;
        check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
        const int peer = status.MPI_SOURCE;
        check(MPI_Recv(piece.data(), count, MPI_BYTE, peer, 0, comm_.value, MPI_STATUS_IGNORE), "MPI_Recv");
        // Where memory is short, the rest is taken all the same, as the others wait for that; `together` reports it.
        if (!failure_) attempt([&] { incoming[peer].append(piece.data(), static_cast<std::size_t>(count)); });
        continue;
      }
      if (barrier != MPI_REQUEST_NULL) {
        check(MPI_Test(&barrier, &done, MPI_STATUS_IGNORE), "MPI_Test");
        if (done != 0) return incoming;
      } else {
        check(MPI_Testall(static_cast<int>(sends.size()), sends.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
        if (done != 0) check(MPI_Ibarrier(comm_.value, &barrier), "MPI_Ibarrier");
      }
      std::this_thread::yield();  // there may be more ranks than cores
    }
  }

  // The bytes that `make` returns, of every rank.
  template <class Make>
  std::vector<std::string> gather_all(const Make& make) {
    std::string own;
    std::string bytes;
    std::vector<std::string> all;
    std::vector<int> sizes;
    std::vector<int> starts;
    together([&] {
      own = make();
      if (own.size() > INT_MAX) raise(std::length_error("dcp: the ranks share too much for keep::balanced"));
      all.resize(static_cast<std::size_t>(size_));
      sizes.resize(all.size());
      starts.resize(all.size());
    });
    const int own_size = static_cast<int>(own.size());
    check(MPI_Allgather(&own_size, 1, MPI_INT, sizes.data(), 1, MPI_INT, comm_.value), "MPI_Allgather");
    together([&] {
      for (std::size_t i = 1; i != all.size(); ++i) {
        if (sizes[i - 1] > INT_MAX - starts[i - 1])
          raise(std::length_error("dcp: the ranks share 2^31 bytes or more for keep::balanced to choose by"));
        starts[i] = starts[i - 1] + sizes[i - 1];
      }
      bytes.resize(static_cast<std::size_t>(starts.back()) + static_cast<std::size_t>(sizes.back()));
    });
    check(MPI_Allgatherv(own.data(), own_size, MPI_BYTE, bytes.data(), sizes.data(), starts.data(), MPI_BYTE,
                         comm_.value),
          "MPI_Allgatherv");
    together([&] {
      for (std::size_t i = 0; i != all.size(); ++i)
        all[i].assign(bytes, static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(sizes[i]));
    });
    return all;
  }

  template <class Value, std::size_t Size>
  std::array<Value, Size> reduce(const std::array<Value, Size>& own, MPI_Datatype type, MPI_Op operation) {
    std::array<Value, Size> result{};
    check(MPI_Allreduce(own.data(), result.data(), static_cast<int>(Size), type, operation, comm_.value),
          "MPI_Allreduce");
    return result;
  }

  // The sum over the ranks before this one.
  std::uint64_t sum_before(std::uint64_t own) {
    std::uint64_t result = 0;
    check(MPI_Exscan(&own, &result, 1, MPI_UINT64_T, MPI_SUM, comm_.value), "MPI_Exscan");
    return rank_ == 0 ? 0 : result;  // MPI leaves it undefined there
  }

 private:
  static void check(int code, const char* function, int rank) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    raise(mpi_error(rank, std::string("dcp: ") + function + ": " + text));
  }
  void check(int code, const char* function) const { check(code, function, rank_); }

#if defined(__cpp_exceptions)
  template <class Work>
  void attempt(const Work& work) {
    try {
      work();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  // Without an allocation, as one may just have failed.
  template <std::size_t Size>
  static void describe(const std::exception_ptr& failure, char (&text)[Size]) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::snprintf(text, Size, "%s", error.what());
    } catch (...) {
      std::snprintf(text, Size, "an exception that is no std::exception");
    }
  }
#else
  template <class Work>
  void attempt(const Work& work) {
    work();
  }
  static void describe(const std::exception_ptr&, char*) {}
#endif

  // A duplicate of the caller's communicator, on which errors are returned.
  struct duplicate_communicator {
    explicit duplicate_communicator(MPI_Comm original) {
      int between_groups = 0;
      if (original != MPI_COMM_NULL) check(MPI_Comm_test_inter(original, &between_groups), "MPI_Comm_test_inter", -1);
      if (original == MPI_COMM_NULL || between_groups != 0)
        raise(std::invalid_argument("dcp: dedup_tensors wants an intra-communicator, the ranks of one group"));
      check(MPI_Comm_dup(original, &value), "MPI_Comm_dup", -1);
      MPI_Comm_set_errhandler(value, MPI_ERRORS_RETURN);
    }
    duplicate_communicator(const duplicate_communicator&) = delete;
    duplicate_communicator& operator=(const duplicate_communicator&) = delete;
    ~duplicate_communicator() { MPI_Comm_free(&value); }

    MPI_Comm value = MPI_COMM_NULL;
  };

  duplicate_communicator comm_;
  std::size_t piece_;
  int rank_ = -1;
  int size_ = 0;
  std::exception_ptr failure_;  // of this rank, not yet told to the others
};

// ------------------------------------------------------------------------------------------- the owner of keys

// What one rank has sent, such that find_duplicates takes it for a plan.
struct received_item {
  std::string_view index;      // the bytes of the key
  std::string_view data;       // for check_replicas alone, as is
  std::uint32_t position = 0;  // in its plan
};

struct received_plan {
  int rank;
  std::vector<received_item> items;
};

inline std::vector<received_plan> read_plans(const messages& received, bool with_data) {
  std::vector<received_plan> plans;
  for (const auto& [rank, message] : received) {
    plans.push_back({rank, {}});
    for (reader in(message); !in.empty();) {
      received_item item{in.bytes(), {}};
      if (with_data) {
        reader parts(item.index);
        item.position = parts.small_number();
        item.index = parts.bytes();
        item.data = parts.rest();
      }
      plans.back().items.push_back(item);
    }
  }
  return plans;
}

// Decides for the keys that all ranks have sent to this one.
class key_owner {
 public:
  key_owner(messages received, bool with_data)
      : received_(std::move(received)),
        plans_(read_plans(received_, with_data)),
        items_(plans_),
        search_(items_, true) {}
  key_owner(const key_owner&) = delete;  // its members refer to each other
  key_owner& operator=(const key_owner&) = delete;

  // For each item: the ranks that have the index, where the item is the first of it; else none.
  [[nodiscard]] messages candidates() {
    const candidate_list all = candidates_of(items_, search_);
    messages told;
    std::vector<std::uint32_t> ranks;
    for_each_item([&](duplicate here, std::uint32_t number) {
      ranks.clear();
      if (search_.writer(number) == here)
        for (const std::uint32_t plan : all.of(number)) ranks.push_back(static_cast<std::uint32_t>(plans_[plan].rank));
      append_ranks(told[plans_[here.keeper].rank], ranks);
    });
    return told;
  }

  // From the rank that was told an index's candidates: which of them writes it.
  void set_keepers(const messages& told) {
    std::map<int, reader> from;
    for (const auto& [rank, message] : told) from.emplace(rank, reader(message));
    std::map<std::uint64_t, std::uint32_t> plan_of_rank;
    for (std::uint32_t plan = 0; plan != plans_.size(); ++plan) plan_of_rank.emplace(plans_[plan].rank, plan);
    std::vector<std::uint32_t> keepers(search_.distinct());
    for (std::size_t number = 0; number != keepers.size(); ++number)
      keepers[number] = plan_of_rank.at(from.at(plans_[search_.writer(number).keeper].rank).number());
    search_.change_writers(keepers);
  }

  // For each item whether it is redundant. With `check`, before that its conflicts with the items that are written.
  [[nodiscard]] messages answers(bool check) {
    struct answer {
      std::uint64_t count = 0;
      std::string conflicts;
      std::vector<bool> redundant;
    };
    std::map<int, answer> answers;
    for_each_item([&](duplicate here, std::uint32_t number) {
      const duplicate writer = search_.writer(number);
      answer& out = answers[plans_[here.keeper].rank];
      out.redundant.push_back(writer != here);
      const received_item& item = items_.item(here.keeper, here.position);
      const received_item& written = items_.item(writer.keeper, writer.position);
      if (!check || item.data == written.data) return;
      ++out.count;
      append_number(out.conflicts, item.position);
      append_number(out.conflicts, static_cast<std::uint64_t>(plans_[writer.keeper].rank));
      append_number(out.conflicts, written.position);
    });
    messages told;
    for (const auto& [rank, answer] : answers) {
      if (check) append_number(told[rank], answer.count);
      told[rank] += answer.conflicts;
      append_bits(told[rank], answer.redundant);
    }
    return told;
  }

 private:
  template <class Function>
  void for_each_item(const Function& function) {
    for (std::uint32_t plan = 0; plan != plans_.size(); ++plan) {
      std::uint32_t position = 0;
      for (const std::uint32_t number : search_.numbers(plan)) function(duplicate{position++, plan}, number);
    }
  }

  messages received_;  // what the items are views of
  std::vector<received_plan> plans_;
  planned_items<std::vector<received_plan>> items_;
  duplicate_search<planned_items<std::vector<received_plan>>> search_;
};

// ------------------------------------------------------------------------------------------- a rank's own plan

// Finds which items of this rank's plan are redundant. All is collective.
template <class Plan>
class plan_of_rank {
 public:
  plan_of_rank(communicator& ranks, const Plan& plan, const options& settings)
      : ranks_(ranks), plan_(plan), settings_(settings), rank_(static_cast<std::uint32_t>(ranks.rank())) {}

  // Drops what a neighbour of a lower rank has. Neighbours are blocks of ranks, as many as there are blocks: so of a
  // key that all have, few come to a neighbour that looks after it, and few to its owner.
  void share_with_neighbours(int hash_bytes) {
    int block = 1;
    while (block * block < ranks_.size()) ++block;
    const int first = ranks_.rank() / block * block;
    const int count = std::min(block, ranks_.size() - first);
    const auto asks = [&](std::uint32_t position) { return first + choose_by(hashes_[position], count); };

    // A part of the hash goes to the neighbour that looks after it. That one tells who has it next, so that …
    const messages parts = ranks_.exchange([&] {
      read_plan();
      messages out;
      for (const std::uint32_t position : sent_)
        for (int i = 0; i != hash_bytes; ++i)
          out[asks(position)] += static_cast<char>(hashes_[position] >> 8 * i & 0xFF);
      return out;
    });
    const messages nexts = ranks_.exchange([&] { return next_of_each(parts, hash_bytes); });

    // … the whole key goes from each to the next, which finds it in its plan or, if only the hashes are alike, does
    // not.
    const messages keys = ranks_.exchange([&] {
      messages out;
      std::map<int, reader> from = readers(nexts);
      for (const std::uint32_t position : sent_)
        if (const auto ahead = static_cast<int>(from.at(asks(position)).number()); ahead != 0)
          append_bytes(out[ranks_.rank() + ahead], record(position));
      return out;
    });
    ranks_.together([&] {
      std::vector<received_plan> plans = read_plans(keys, false);
      plans.push_back({ranks_.rank(), {}});
      for (const std::uint32_t position : sent_) plans.back().items.push_back({record(position), {}});
      const duplicates found = find_duplicates(plans);
      for (const duplicate& each : found.in(plans.size() - 1)) redundant_[sent_[each.position]] = true;
      std::erase_if(sent_, [&](std::uint32_t position) { return redundant_[position]; });
    });
  }

  // Asks the owners of the keys.
  void ask_owners() {
    const bool check = settings_.check_replicas;
    const bool balance = settings_.keep.is_balanced();
    messages received = ranks_.exchange([&] {
      read_plan();
      messages out;
      for (const std::uint32_t position : sent_) append_bytes(out[owner(position)], record(position));
      return out;
    });
    std::optional<key_owner> owned;
    if (balance) {
      const messages candidates = ranks_.exchange([&] {
        owned.emplace(std::move(received), check);
        return owned->candidates();
      });
      const std::vector<std::string> records = ranks_.gather_all([&] { return records_of(candidates); });
      received = ranks_.exchange([&] { return choose(records); });
    }
    answers_ = ranks_.exchange([&] {
      if (balance) owned->set_keepers(received);
      else owned.emplace(std::move(received), check);
      return owned->answers(check);
    });
  }

  // Reads what the owners have answered. (Not collective. Each has the rank for its keeper, which nobody asks for.)
  [[nodiscard]] std::vector<duplicate> redundant() {
    std::map<int, reader> from = readers(answers_);
    if (settings_.check_replicas)
      for (auto& [rank, in] : from)
        for (std::uint64_t count = in.number(); count != 0; --count) {
          const std::uint32_t position = in.small_number();
          const std::uint32_t keeper = in.small_number();
          conflicts_.push_back({position, keeper, in.small_number()});
        }
    std::sort(conflicts_.begin(), conflicts_.end(), [](auto& a, auto& b) { return a.position < b.position; });
    for (const std::uint32_t position : sent_)
      if (from.at(owner(position)).bit()) redundant_[position] = true;

    std::vector<duplicate> result;
    for (std::uint32_t position = 0; position != items_.size(); ++position)
      if (redundant_[position]) result.push_back({position, rank_});
    return result;
  }

  // Throws the same on every rank, if any has a conflict.
  void agree_on_conflicts() {
    const std::uint64_t own = conflicts_.size();
    const std::uint64_t count = ranks_.reduce(std::array{own}, MPI_UINT64_T, MPI_SUM)[0];
    if (count == 0) return;
    constexpr std::uint64_t most_listed = 10;
    const std::uint64_t listed = std::min(own, most_listed - std::min(most_listed, ranks_.sum_before(own)));
    const std::vector<std::string> all = ranks_.gather_all([&] {
      std::string bytes;
      for (std::size_t i = 0; i != listed; ++i) {
        std::string text;
        append_index(text, index(conflicts_[i].position), conflicts_[i].position);
        append_bytes(bytes, text);
        append_number(bytes, conflicts_[i].position);
        append_number(bytes, conflicts_[i].keeper);
        append_number(bytes, conflicts_[i].keeper_position);
      }
      return bytes;
    });
    ranks_.together([&] {
      std::vector<conflict> conflicts;
      for (std::size_t rank = 0; rank != all.size(); ++rank)
        for (reader in(all[rank]); !in.empty();) {
          conflict& each = conflicts.emplace_back();
          each.index = in.bytes();
          each.plan = rank;
          each.position = in.number();
          each.keeper = in.number();
          each.keeper_position = in.number();
        }
      raise(conflict_error(count, std::move(conflicts)));
    });
  }

  // As find_duplicates has it for plans of which only this one loses something.
  [[nodiscard]] std::string removal_message(std::span<const duplicate> redundant) const {
    std::string text = "Duplicate keys to remove: {";
    std::size_t left = redundant.size();
    const auto index_at = [&](std::uint32_t position) -> decltype(auto) { return index(position); };
    append_removed(text, rank_, redundant, index_at, settings_.log.max_message(), left);
    return text += '}';
  }

 private:
  using item_type = item_of<Plan>;

  struct found_conflict {
    std::uint32_t position;
    std::uint32_t keeper;
    std::uint32_t keeper_position;
  };

  // What travels of each item: its key, or for check_replicas its position, key and data.
  void read_plan() {
    if (std::exchange(is_read_, true)) return;
    for (const item_type& item : save_plan_traits<Plan>::items(plan_)) items_.push_back(&item);
    redundant_.resize(items_.size());
    // What the plan names twice is settled here, unless its data has to be checked. (Throws if it has too many items.)
    const duplicates found = find_duplicates(std::span(&plan_, 1));
    if (!settings_.check_replicas)
      for (const duplicate& each : found.in(0)) redundant_[each.position] = true;

    ends_.reserve(items_.size());
    hashes_.resize(items_.size());
    std::string key;
    for (std::uint32_t position = 0; position != items_.size(); ++position) {
      if (!redundant_[position]) {
        sent_.push_back(position);
        key.clear();
        append_key<item_type>(index(position), key);
        hashes_[position] = hash_of(key);
        if (settings_.check_replicas) {
          append_number(bytes_, position);
          append_bytes(bytes_, key);
          append_data(*items_[position], bytes_);
        } else {
          bytes_ += key;
        }
      }
      ends_.push_back(bytes_.size());
    }
  }

  // For each part of a hash that a neighbour sent: how many ranks ahead is the next that sent it too; 0 if none.
  static messages next_of_each(const messages& parts, int hash_bytes) {
    struct asked {
      int rank;
      std::size_t number;
    };
    std::unordered_map<std::uint32_t, asked> last;
    std::map<int, std::vector<int>> ahead;
    for (const auto& [rank, message] : parts) {
      reader in(message);
      for (std::size_t number = 0; !in.empty(); ++number) {
        ahead[rank].push_back(0);
        std::uint32_t part = 0;
        for (int i = 0; i != hash_bytes; ++i) part |= static_cast<std::uint32_t>(in.byte()) << 8 * i;
        const auto [before, is_new] = last.try_emplace(part, asked{rank, number});
        if (is_new) continue;
        ahead[before->second.rank][before->second.number] = rank - before->second.rank;  // 0: one rank has it twice
        before->second = {rank, number};
      }
    }
    messages out;
    for (const auto& [rank, numbers] : ahead)
      for (const int each : numbers) append_number(out[rank], static_cast<std::uint64_t>(each));
    return out;
  }

  // For keep::balanced, of each index that is first here: its bytes and the ranks that have it; in the order of the
  // plan, so that the records of all ranks are in the order in which indices first occur. What this rank alone has is
  // one sum.
  std::string records_of(const messages& candidates) {
    std::string records;
    std::uint64_t alone = 0;
    const auto append_alone = [&] {
      append_number(records, std::exchange(alone, 0));
      append_ranks(records, std::span(&rank_, 1));
    };
    std::map<int, reader> from = readers(candidates);
    for (const std::uint32_t position : sent_) {
      const std::vector<std::uint32_t> ranks = from.at(owner(position)).ranks();
      if (ranks.empty()) continue;
      const std::uint64_t bytes = bytes_of(*items_[position]);
      const bool is_choice = ranks.size() > 1 && bytes != 0;
      firsts_.push_back({owner(position), is_choice});
      if (is_choice) {
        append_number(records, bytes);
        append_ranks(records, ranks);
      } else if (ranks.size() == 1) {
        // Past 64 bits there are two sums; the balancer of every rank will say that it is too much.
        if (bytes > std::numeric_limits<std::uint64_t>::max() - alone) append_alone();
        alone += bytes;
      }
    }
    if (alone != 0) append_alone();
    return records;
  }

  // Every rank makes the same choice, from the same records; each tells it to the owners of what is first here.
  messages choose(const std::vector<std::string>& records) {
    candidate_list candidates;
    std::size_t number = 0;
    for (std::size_t rank = 0; rank != records.size(); ++rank) {
      if (rank == rank_) number = candidates.bytes.size();
      for (reader in(records[rank]); !in.empty();) {
        candidates.bytes.push_back(in.number());
        candidates.begins.push_back(static_cast<std::uint32_t>(candidates.plans.size()));
        const std::vector<std::uint32_t> ranks = in.ranks();
        candidates.plans.insert(candidates.plans.end(), ranks.begin(), ranks.end());
        if (candidates.plans.size() > std::numeric_limits<std::uint32_t>::max())
          raise(std::length_error("dcp: the ranks share 2^32 items or more to balance"));
        candidates.ends.push_back(static_cast<std::uint32_t>(candidates.plans.size()));
      }
    }
    const std::vector<std::uint32_t> keepers = balancer(records.size(), candidates).choose(settings_.keep.tolerance());
    messages out;
    for (const first_here& each : firsts_) append_number(out[each.owner], each.is_choice ? keepers[number++] : rank_);
    return out;
  }

  static std::map<int, reader> readers(const messages& received) {
    std::map<int, reader> result;
    for (const auto& [rank, message] : received) result.emplace(rank, reader(message));
    return result;
  }

  [[nodiscard]] decltype(auto) index(std::size_t position) const {
    return write_item_traits<item_type>::index(*items_[position]);
  }
  [[nodiscard]] std::string_view record(std::size_t position) const {
    const std::size_t begin = position == 0 ? 0 : ends_[position - 1];
    return std::string_view(bytes_).substr(begin, ends_[position] - begin);
  }
  [[nodiscard]] int owner(std::size_t position) const { return choose_by(hashes_[position], ranks_.size()); }

  struct first_here {
    int owner;
    bool is_choice;  // for keep::balanced: several ranks have it, and its bytes are known
  };

  communicator& ranks_;
  const Plan& plan_;
  const options& settings_;
  const std::uint32_t rank_;
  std::vector<const item_type*> items_;
  std::string bytes_;              // the records of all items …
  std::vector<std::size_t> ends_;  // … and where each ends
  std::vector<std::uint64_t> hashes_;
  std::vector<bool> redundant_;
  bool is_read_ = false;
  messages answers_;
  std::vector<std::uint32_t> sent_;  // positions of what the owners are asked about
  std::vector<first_here> firsts_;   // those among them that are the first of their index
  std::vector<found_conflict> conflicts_;
};

inline void agree_on(communicator& ranks, const options& settings) {
  // Of each option the lowest value on any rank, and the highest, negative.
  const double keep = settings.keep.tolerance();
  const double check = settings.check_replicas ? 1 : 0;
  const auto all = ranks.reduce(std::array{keep, -keep, check, -check}, MPI_DOUBLE, MPI_MIN);
  if (all[0] != -all[1] || all[2] != -all[3])
    raise(std::invalid_argument("dcp: the ranks have different options (keep or check_replicas)"));
}

template <class Plan>
Plan copy_without(const Plan& plan, std::span<const duplicate> redundant) {
  if constexpr (copies_what_stays<std::vector<Plan>>) {
    return copy_what_stays(plan, redundant);
  } else {
    Plan copy(plan);
    erase_items(save_plan_traits<Plan>::items(copy), redundant);
    return copy;
  }
}

template <class Plan>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, MPI_Comm comm, const options& settings, source_location where,
                                        const tuning& how) {
  using Value = std::remove_cvref_t<Plan>;
  communicator ranks(comm, how);
  agree_on(ranks, settings);
  if constexpr (!has_data<item_of<Value>>)
    if (settings.check_replicas)
      raise(std::invalid_argument("dcp: across ranks check_replicas wants write_item_traits<Item>::append_data"));
  plan_of_rank<Value> own(ranks, plan, settings);
  if (ranks.size() > how.few && !settings.keep.is_balanced() && !settings.check_replicas)
    own.share_with_neighbours(how.hash_bytes);
  own.ask_owners();
  std::vector<duplicate> redundant;
  if (settings.check_replicas) {
    ranks.together([&] { redundant = own.redundant(); });
    own.agree_on_conflicts();
  }

  constexpr bool in_place = !std::is_lvalue_reference_v<Plan> && !std::is_const_v<std::remove_reference_t<Plan>>;
  std::optional<Value> copy;
  ranks.together([&] {
    if (!settings.check_replicas) redundant = own.redundant();
    if constexpr (!in_place) copy.emplace(copy_without(std::as_const(plan), redundant));
    if (settings.log && !redundant.empty()) settings.log({log_level::info, own.removal_message(redundant), where});
  });
  // Nothing throws from here on, as long as moving an item or the plan does not.
  if constexpr (in_place) {
    erase_items(save_plan_traits<Value>::items(plan), redundant);
    return std::move(plan);
  } else {
    return std::move(*copy);
  }
}

}  // namespace detail

template <class Plan>
  requires detail::plan_of_one_rank<std::remove_cvref_t<Plan>>
std::remove_cvref_t<Plan> dedup_tensors(Plan&& plan, MPI_Comm comm, const options& settings, source_location where) {
  if constexpr (detail::check_sendable<std::remove_cvref_t<Plan>>())
    return detail::dedup_tensors(std::forward<Plan>(plan), comm, settings, where, detail::tuning{});
}

}  // namespace v0
}  // namespace dcp

#endif  // DCP_MPI_HPP
