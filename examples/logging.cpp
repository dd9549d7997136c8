// The logger hook: the ready-made console logger, a std::ostream, and a callable that keeps what it is told.
//
//     c++ -std=c++20 -O2 -Iinclude examples/logging.cpp -o logging

#include <dcp/console_logger.hpp>
#include <dcp/dedup_tensors.hpp>
#include <dcp/save_plan.hpp>

#include <iostream>
#include <string>
#include <vector>

int main() {
  const dcp::SavePlan plan{
      .items = {{.index = {.fqn = "layer.weight", .offset = {{0, 0}}}}, {.index = {.fqn = "step"}}}};
  const std::vector<dcp::SavePlan> plans = {plan, plan};

  // One line on stderr, in PyTorch's form.
  auto result = dcp::dedup_tensors(plans, {.log = dcp::console_logger()});

  // Any std::ostream.
  result = dcp::dedup_tensors(plans, {.log = [](const dcp::log_record& record) {
                                std::cout << record.where.line() << ": " << record.message << '\n';
                              }});

  // A logging library's own function; with spdlog:
  //     [](const dcp::log_record& record) {
  //       spdlog::log({record.where.file_name(), int(record.where.line()), ""}, spdlog::level::info, record.message);
  //     }

  // Any callable; a bound on the message, for lists with many duplicates.
  std::vector<std::string> messages;
  const auto keep_message = [&](const dcp::log_record& record) { messages.push_back(record.message); };
  result = dcp::dedup_tensors(plans, {.log = keep_message, .max_message = 40});
  std::cout << messages.at(0) << '\n';
}
