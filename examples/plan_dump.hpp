// Dumps of save plans: reads and writes them. With the arguments of the two examples that work on dumps.
//
// A dump is text, fields separated by tabs: `plan RANK` opens a rank's plan, and each line after it is a write item:
// fqn, offset, type, dtype, chunk_sizes, size, nbytes. See examples/plans/ for real ones. A dtype that is not known here
// keeps its name; the bytes of its items are not known.

#ifndef DCP_EXAMPLES_PLAN_DUMP_HPP
#define DCP_EXAMPLES_PLAN_DUMP_HPP

#include <dcp/balanced.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

namespace plan_dump {

/// What is wrong with a dump, and where: `FILE:LINE: reason`, or `FILE: reason` for the file as a whole (line 0).
struct Error : std::runtime_error {
  Error(const std::string& file, std::size_t line, const std::string& reason)
      : std::runtime_error(file + (line == 0 ? "" : ':' + std::to_string(line)) + ": " + reason) {}
};

/// The names of the dtypes that dcp::Dtype has not: they are numbered from `first` up.
struct UnknownDtypes {
  static constexpr std::uint32_t first = 1u << 16;

  std::vector<std::string> names;

  [[nodiscard]] std::string_view name(dcp::Dtype dtype) const {
    const std::string_view known = dcp::to_string(dtype);
    return known.empty() ? names.at(static_cast<std::uint32_t>(dtype) - first) : known;
  }
};

struct Dump {
  std::string file;  ///< its name for messages
  std::vector<dcp::SavePlan> plans = {};
  std::vector<std::vector<std::size_t>> lines = {};  ///< for each plan, the line of each of its items
  UnknownDtypes dtypes = {};
};

/// `1 item`, `2 items`
inline std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

/// A line ends in one byte, on Windows too, whose C library makes two of it in a text file.
inline void as_bytes(std::FILE* file) {
#if defined(_WIN32)
  _setmode(_fileno(file), _O_BINARY);
#else
  static_cast<void>(file);
#endif
}

/// The bytes of a file, or of standard input for `-`. Throws Error.
inline std::string read_bytes(const std::string& file) {
  std::FILE* const in = file == "-" ? stdin : std::fopen(file.c_str(), "rb");
  if (in == nullptr) throw Error(file, 0, std::string("cannot be opened: ") + std::strerror(errno));
  as_bytes(in);
  std::string bytes;
  std::vector<char> part(1 << 16);
  errno = 0;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), in)) bytes.append(part.data(), size);
  const int error = std::ferror(in) != 0 ? errno : 0;
  if (in != stdin) std::fclose(in);
  if (error != 0) throw Error(file, 0, std::string("cannot be read: ") + std::strerror(error));
  return bytes;
}

namespace detail {

struct Line {
  const std::string& file;
  std::size_t number;
  Dump& dump;
  std::unordered_map<std::string, dcp::Dtype>& unknown_dtypes;

  [[noreturn]] void fail(const std::string& reason) const { throw Error(file, number, reason); }

  [[nodiscard]] std::int64_t number_in(std::string_view field, const char* name) const {
    std::int64_t value = 0;
    const char* const end = field.data() + field.size();
    const auto [stop, error] = std::from_chars(field.data(), end, value);
    if (error != std::errc() || stop != end || value < 0 || field.front() == '-')
      fail(std::string(name) + " is not a 64-bit number from 0 up: '" + std::string(field) + '\'');
    return value;
  }

  [[nodiscard]] dcp::Size size_in(std::string_view field, const char* name) const {
    constexpr std::size_t most_dimensions = 64;  // as in PyTorch
    dcp::Size size;
    if (field == "()") return size;
    for (;;) {
      if (size.size() == most_dimensions) fail(std::string(name) + " has more than 64 dimensions");
      const std::size_t comma = field.find(',');
      size.push_back(number_in(field.substr(0, comma), name));
      if (comma == field.npos) return size;
      field.remove_prefix(comma + 1);
    }
  }

  [[nodiscard]] dcp::Dtype dtype_in(std::string_view field) const {
    if (const auto known = dcp::parse_dtype(field)) return *known;
    // What no name looks like is rather another field, or was written otherwise.
    const auto is_name = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7F'; };
    if (field.empty() || field.front() == '(' || (field.front() >= '0' && field.front() <= '9') ||
        !std::all_of(field.begin(), field.end(), is_name) || field.starts_with("torch."))
      fail("this is no dtype's name without torch.: '" + std::string(field) + '\'');
    auto& names = dump.dtypes.names;
    const auto next = static_cast<dcp::Dtype>(UnknownDtypes::first + names.size());
    const auto [entry, is_new] = unknown_dtypes.emplace(field, next);
    if (is_new) names.emplace_back(field);
    return entry->second;
  }

  [[nodiscard]] dcp::WriteItem item_in(const std::array<std::string_view, 7>& fields) const {
    const auto& [fqn, offset, type, dtype, chunk_sizes, size, nbytes] = fields;
    dcp::WriteItem item;
    item.index.fqn = fqn;

    if (type == "tensor") item.type = dcp::WriteItemType::TENSOR;
    else if (type == "shard") item.type = dcp::WriteItemType::SHARD;
    else if (type == "byte_io") item.type = dcp::WriteItemType::BYTE_IO;
    else fail("the type is none of tensor, shard, byte_io: '" + std::string(type) + '\'');

    const bool none = offset == "-";
    if ((dtype == "-") != none || (chunk_sizes == "-") != none || (size == "-") != none)
      fail("offset, dtype, chunk_sizes and size go together, all or none");
    if (!none) {
      item.index.offset = size_in(offset, "offset");
      item.tensor_data = {
          {*item.index.offset, size_in(chunk_sizes, "chunk_sizes")}, {dtype_in(dtype)}, size_in(size, "size")};
    }

    if (nbytes != "-") {
      if (item.type != dcp::WriteItemType::BYTE_IO) fail("nbytes is of a byte_io item alone");
      item.bytes_io_data = {number_in(nbytes, "nbytes")};
    }
    return item;
  }
};

inline std::string text_of(const dcp::Size& size) {
  std::string text;
  for (const std::int64_t each : size) (text += text.empty() ? "" : ",") += std::to_string(each);
  return text.empty() ? "()" : text;
}

}  // namespace detail

/// Reads the dump that `bytes` are; `file` is its name for messages. Throws Error.
inline Dump parse(std::string_view bytes, const std::string& file) {
  Dump dump{.file = file};
  std::unordered_map<std::string, dcp::Dtype> unknown_dtypes;
  for (detail::Line line{file, 1, dump, unknown_dtypes}; !bytes.empty(); ++line.number) {
    const std::size_t end = bytes.find('\n');
    if (end == bytes.npos) line.fail("the last line has no end: is the file cut short?");
    std::string_view text = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (text.starts_with("# ")) continue;
    if (text.ends_with('\r')) line.fail("the line ends as on Windows, in two bytes: \\r\\n");

    std::array<std::string_view, 7> fields;
    std::size_t count = 0;
    for (;; ++count) {
      if (count == fields.size()) line.fail("more than seven fields");
      const std::size_t tab = text.find('\t');
      fields[count] = text.substr(0, tab);
      if (tab == text.npos) break;
      text.remove_prefix(tab + 1);
    }
    ++count;

    if (count == 2 && fields[0] == "plan") {
      if (std::cmp_not_equal(line.number_in(fields[1], "rank"), dump.plans.size()))
        line.fail("plan " + std::to_string(dump.plans.size()) + " is next, not plan " + std::string(fields[1]));
      dump.plans.emplace_back();
      dump.lines.emplace_back();
      continue;
    }
    if (count != fields.size()) line.fail(counted(count, "field") + ", where a write item has seven");
    if (dump.plans.empty()) line.fail("a write item before the first plan");
    dump.plans.back().items.push_back(line.item_in(fields));
    dump.lines.back().push_back(line.number);
  }
  return dump;
}

constexpr const char* field_names[] = {"fqn", "offset", "type", "dtype", "chunk_sizes", "size", "nbytes"};

/// An item's fields as a dump has them. Throws std::out_of_range for a dtype that has no name.
inline std::array<std::string, 7> fields_of(const dcp::WriteItem& item, const UnknownDtypes& dtypes) {
  constexpr const char* types[] = {"tensor", "shard", "byte_io"};
  std::array<std::string, 7> fields = {item.index.fqn, "-", types[static_cast<int>(item.type) - 1], "-", "-", "-", "-"};
  if (item.index.offset) fields[1] = detail::text_of(*item.index.offset);
  if (item.tensor_data) {
    fields[3] = dtypes.name(item.tensor_data->properties.dtype);
    fields[4] = detail::text_of(item.tensor_data->chunk.sizes);
    fields[5] = detail::text_of(item.tensor_data->size);
  }
  if (item.bytes_io_data) fields[6] = std::to_string(item.bytes_io_data->nbytes);
  return fields;
}

/// Appends a plan's part of a dump. Throws std::out_of_range for a dtype that has no name.
inline void append_plan(std::string& text, std::size_t rank, const dcp::SavePlan& plan,
                        const UnknownDtypes& dtypes = {}) {
  text += "plan\t" + std::to_string(rank) + '\n';
  for (const dcp::WriteItem& item : plan.items) {
    for (const std::string& field : fields_of(item, dtypes)) (text += field) += '\t';
    text.back() = '\n';
  }
}

/// Writes a dump to standard output. Throws Error.
inline void write_to_stdout(const std::string& text) {
  as_bytes(stdout);
#if defined(SIGPIPE)
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is a reason like any other, not a signal
#endif
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error("(standard output)", 0, std::string("cannot be written: ") + std::strerror(errno));
}

// ---------------------------------------------------------------------------------------------------- the arguments

struct wrong_usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  std::string file;
  bool balanced = false;
  dcp::keep::balanced_policy policy = dcp::keep::balanced;  ///< where it is balanced
  bool check = false;
  bool log = false;
  bool help = false;

  [[nodiscard]] dcp::keep_policy keep() const { return balanced ? dcp::keep_policy(policy) : dcp::keep::first; }
};

/// [--keep first|balanced] [--tolerance PERCENT] [--check] [--log] FILE, or --help. Throws wrong_usage.
inline Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  std::optional<std::string> percent;
  for (auto word = words.begin(); word != words.end(); ++word) {
    // Of `--option VALUE` and `--option=VALUE`.
    const auto value_of = [&](const std::string& option) -> std::optional<std::string> {
      if (word->starts_with(option + '=')) return word->substr(option.size() + 1);
      if (*word != option) return {};
      if (++word == words.end()) throw wrong_usage(option + " wants a value");
      return *word;
    };
    if (*word == "--help" || *word == "-h") {
      arguments.help = true;
      return arguments;
    } else if (*word == "--check") {
      arguments.check = true;
    } else if (*word == "--log") {
      arguments.log = true;
    } else if (const auto policy = value_of("--keep")) {
      if (*policy != "first" && *policy != "balanced")
        throw wrong_usage("there is no policy '" + *policy + "' to keep by");
      arguments.balanced = *policy == "balanced";
    } else if (const auto value = value_of("--tolerance")) {
      percent = value;
    } else if (word->size() > 1 && word->starts_with('-')) {
      throw wrong_usage("there is no option '" + *word + '\'');
    } else if (word->empty() || !arguments.file.empty()) {
      throw wrong_usage("one file is wanted");
    } else {
      arguments.file = *word;
    }
  }
  if (arguments.file.empty()) throw wrong_usage("one file is wanted");
  if (percent) {
    if (!arguments.balanced) throw wrong_usage("--tolerance is of --keep balanced");
    // No sign, no exponent, and neither inf nor nan.
    if (percent->find_first_of("0123456789") == percent->npos || percent->size() > 15 ||
        percent->find_first_not_of("0123456789.") != percent->npos || percent->find('.') != percent->rfind('.'))
      throw wrong_usage("the tolerance is no number of percent from 0 up: '" + *percent + '\'');
    arguments.policy = dcp::keep::balanced(std::strtod(percent->c_str(), nullptr) / 100);
  }
  return arguments;
}

}  // namespace plan_dump

#endif  // DCP_EXAMPLES_PLAN_DUMP_HPP
