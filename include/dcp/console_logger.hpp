// SPDX-License-Identifier: MIT
//
// A ready-made logger for dcp::dedup_tensors: a line a record on stderr.
//
//     plans = dcp::dedup_tensors(std::move(plans), {.log = dcp::console_logger()});
//
// `detail::platform` has what each platform does in its own way. Where it knows none, the ids are 0.

#ifndef DCP_CONSOLE_LOGGER_HPP
#define DCP_CONSOLE_LOGGER_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "dcp needs C++20: compile with -std=c++20 (MSVC: /std:c++20)"
#else

#include "dedup_tensors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#if defined(_WIN32)
extern "C" __declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
extern "C" __declspec(dllimport) unsigned long __stdcall GetCurrentThreadId();
#elif __has_include(<unistd.h>)
#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#endif

namespace dcp {
inline namespace v0 {

/// A logger that writes one line a record to `stderr`, in PyTorch's form, whole even when many threads log:
///
///     2026-01-31 12:00:00,123 save.cpp:42 INFO p:4711 t:4713: Duplicate keys to remove: {1: ['a', 'b']}
///
/// Local time; the file without its folders; the ids of the process and of the thread, as debuggers show them.
/// `options::max_message` bounds the message. A line feed in it is written as `\n`.
[[nodiscard]] inline logger console_logger();

// ============================================================================================= the machinery

namespace detail {
namespace platform {

inline unsigned long long process_id() {
#if defined(_WIN32)
  return GetCurrentProcessId();
#elif __has_include(<unistd.h>)
  return static_cast<unsigned long long>(::getpid());
#else
  return 0;
#endif
}

// The number by which debuggers and `top` know the thread.
inline unsigned long long thread_id() {
#if defined(_WIN32)
  return GetCurrentThreadId();
#elif defined(__APPLE__)
  std::uint64_t id = 0;
  ::pthread_threadid_np(nullptr, &id);
  return id;
#elif defined(__linux__)
  return static_cast<unsigned long long>(::syscall(SYS_gettid));  // glibc has gettid() from 2.30 on
#elif __has_include(<unistd.h>)
  return (unsigned long long)(::pthread_self());  // a number or a pointer
#else
  return 0;
#endif
}

inline std::tm local(std::time_t seconds) {
  std::tm parts{};
#if defined(_WIN32)
  ::localtime_s(&parts, &seconds);
#elif __has_include(<unistd.h>)
  ::localtime_r(&seconds, &parts);
#else
  parts = *std::localtime(&seconds);  // not by many threads at a time
#endif
  return parts;
}

}  // namespace platform

inline std::string local_time() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto whole = std::chrono::floor<std::chrono::seconds>(now);
  const std::tm parts = platform::local(std::chrono::system_clock::to_time_t(whole));
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ",%03d", static_cast<int>((now - whole).count()));
  return text;
}

inline const char* level_name(log_level level) {
  constexpr const char* names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
  const auto number = static_cast<std::size_t>(level);
  return number < std::size(names) ? names[number] : "INFO";
}

inline void write_line(const log_record& record) {
  const std::string_view path = record.where.file_name();
  std::string line = detail::local_time() + ' ';
  line += path.substr(path.find_last_of("/\\") + 1);
  line += ':' + std::to_string(record.where.line()) + ' ' + detail::level_name(record.level);
  line += " p:" + std::to_string(platform::process_id()) + " t:" + std::to_string(platform::thread_id()) + ": ";
  for (const char c : record.message) c == '\n' ? line += "\\n" : line += c;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: the stream is locked for the whole line
}

}  // namespace detail

inline logger console_logger() { return detail::write_line; }

}  // namespace v0
}  // namespace dcp

#endif  // C++20
#endif  // DCP_CONSOLE_LOGGER_HPP
