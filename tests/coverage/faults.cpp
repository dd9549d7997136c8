// Each kind of fault: what is told of it, as members and as text.

#include "../catch.hpp"
#include "tensors.hpp"

namespace faults_test {

using dcp::coverage_fault;
using dcp::faulty_tensor;
using test::chunk_of;
using test::only_fault;
using test::tensor_plans;

TEST_CASE("tensors that are whole, and items that write no tensor, are no fault") {
  const tensor_plans plans = {
      {{chunk_of("w", {4, 8}, {0, 0}, {2, 8}), chunk_of("b", {8}, {0}, {8}), test::bytes_of("step")}},
      {{chunk_of("w", {4, 8}, {2, 0}, {2, 8}), chunk_of("b", {8}, {0}, {8}), test::bytes_of("step")}},
      {{chunk_of("scalar", {}, {}, {})}},
  };
  const dcp::coverage_report report = dcp::check_coverage(plans);

  REQUIRE(report.empty());
  REQUIRE(report.size() == 0);
  REQUIRE(report == dcp::coverage_report{});
  REQUIRE(dcp::check_coverage(tensor_plans{}).empty());
  REQUIRE_NOTHROW(dcp::require_coverage(plans));
}

TEST_CASE("a hole is told by its first element and its sizes") {
  const faulty_tensor fault = only_fault({{{chunk_of("whole", {1}, {0}, {1}), chunk_of("w", {4, 8}, {0, 0}, {2, 8})}},
                                          {{chunk_of("w", {4, 8}, {2, 0}, {2, 3})}},
                                          {{chunk_of("w", {4, 8}, {3, 3}, {1, 5})}}});

  REQUIRE(fault == faulty_tensor{"w", coverage_fault::hole, {{0, 1}}, {4, 8}, {2, 3}, {1, 5}});
  REQUIRE(fault.what() == "'w': (1, 5) at (2, 3) of (4, 8) is written by nobody (plan 0, item 1)");
}

TEST_CASE("a hole is as long as can be in the last dimension first") {
  REQUIRE(only_fault({{{chunk_of("w", {6, 6}, {0, 0}, {1, 6}), chunk_of("w", {6, 6}, {3, 4}, {1, 1})}}}) ==
          faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, {6, 6}, {1, 0}, {2, 6}});
}

TEST_CASE("a tensor that only empty chunks are of is one hole") {
  REQUIRE(only_fault({{{chunk_of("w", {4, 8}, {0, 0}, {0, 8})}}}) ==
          faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, {4, 8}, {0, 0}, {4, 8}});
}

TEST_CASE("an overlap is told by what two items have in common, the later item first") {
  const faulty_tensor fault = only_fault(
      {{{chunk_of("w", {4, 8}, {0, 0}, {3, 8})}}, {{test::bytes_of("step"), chunk_of("w", {4, 8}, {2, 4}, {2, 4})}}});

  REQUIRE(fault == faulty_tensor{"w", coverage_fault::overlap, {{1, 1}, {0, 0}}, {4, 8}, {2, 4}, {1, 4}});
  REQUIRE(fault.what() == "'w': (1, 4) at (2, 4) of (4, 8) is written twice (plan 1, item 1; plan 0, item 0)");
}

TEST_CASE("a chunk that lies not within the tensor is told") {
  const faulty_tensor fault =
      only_fault({{{chunk_of("w", {4, 8}, {0, 0}, {2, 8}), chunk_of("w", {4, 8}, {2, 0}, {3, 8})}}});

  REQUIRE(fault == faulty_tensor{"w", coverage_fault::outside, {{0, 1}}, {4, 8}, {2, 0}, {3, 8}});
  REQUIRE(fault.what() == "'w': (3, 8) at (2, 0) of (4, 8) is not within the tensor (plan 0, item 1)");
}

TEST_CASE("items that tell different sizes of a tensor are told") {
  const faulty_tensor fault =
      only_fault({{{chunk_of("w", {4, 8}, {0, 0}, {4, 8})}}, {{chunk_of("w", {8, 8}, {4, 0}, {4, 8})}}});

  REQUIRE(fault == faulty_tensor{"w", coverage_fault::different_size, {{1, 0}, {0, 0}}, {4, 8}, {4, 0}, {4, 8}});
  REQUIRE(fault.what() ==
          "'w': (4, 8) at (4, 0) of (4, 8) gives the tensor another size (plan 1, item 0; plan 0, item 0)");

  // Of another number of dimensions too.
  REQUIRE(only_fault({{{chunk_of("w", {32}, {0}, {32})}}, {{chunk_of("w", {4, 8}, {0, 0}, {4, 8})}}}).fault ==
          coverage_fault::different_size);
}

TEST_CASE("items that tell different dtypes are told") {
  const faulty_tensor fault =
      only_fault({{{chunk_of("w", {4, 8}, {0, 0}, {2, 8}, 1)}}, {{chunk_of("w", {4, 8}, {2, 0}, {2, 8}, 2)}}});

  REQUIRE(fault.fault == coverage_fault::different_dtype);
  REQUIRE(fault.items == std::vector<dcp::item_place>{{1, 0}, {0, 0}});
  REQUIRE(fault.what() == "'w': (2, 8) at (2, 0) of (4, 8) has another dtype (plan 1, item 0; plan 0, item 0)");
}

TEST_CASE("of two items of one index that tell different chunks the one that stays counts") {
  const test::tensor_item all = chunk_of("w", {4, 8}, {0, 0}, {4, 8});
  const test::tensor_item half = chunk_of("w", {4, 8}, {0, 0}, {2, 8});

  REQUIRE(dcp::check_coverage(tensor_plans{{{all}}, {{half}}}).empty());  // that they differ tells check_replicas
  REQUIRE(only_fault({{{half}}, {{all}}}) ==
          faulty_tensor{"w", coverage_fault::hole, {{0, 0}}, {4, 8}, {2, 0}, {2, 8}});
}

// PyTorch's global plan stops at such a name with an AssertionError that has no message (composer PR 3262).
TEST_CASE("a name that is a tensor in one place and an object in another is reported, whichever comes first") {
  const test::tensor_item tensor = chunk_of("w", {4}, {0}, {4});
  const test::tensor_item object = test::bytes_of("w");

  const faulty_tensor fault = only_fault({{{chunk_of("v", {1}, {0}, {1}), tensor}}, {{object}}, {{object}}});
  REQUIRE(fault == faulty_tensor{"w", coverage_fault::tensor_and_object, {{1, 0}, {0, 1}}, {4}, {}, {}});
  REQUIRE(fault.what() == "'w': a tensor in one place and an object in another (plan 1, item 0; plan 0, item 1)");

  REQUIRE(only_fault({{{object}}, {{object, tensor}}}) ==
          faulty_tensor{"w", coverage_fault::tensor_and_object, {{1, 1}, {0, 0}}, {}, {0}, {4}});
}

TEST_CASE("a name that is an object and an empty shard is reported, and so is an index that is both") {
  const test::tensor_item object = test::bytes_of("w");
  const test::tensor_item empty = chunk_of("w", {4}, {4}, {0});
  test::tensor_item of_the_same_index = chunk_of("w", {4}, {0}, {4});
  of_the_same_index.index.offset.reset();

  for (const test::tensor_item& tensor : {empty, of_the_same_index}) {
    REQUIRE(only_fault({{{object}}, {{tensor}}}).fault == coverage_fault::tensor_and_object);
    REQUIRE(only_fault({{{tensor}}, {{object}}}).fault == coverage_fault::tensor_and_object);
  }
}

TEST_CASE("numbers that make no chunk are told") {
  const auto fault_of = [](const test::tensor_item& item) { return only_fault({{{item}}}).fault; };

  REQUIRE(fault_of(chunk_of("w", {4, 8}, {0}, {4, 8})) == coverage_fault::malformed);
  REQUIRE(fault_of(chunk_of("w", {4, 8}, {0, 0}, {4})) == coverage_fault::malformed);
  REQUIRE(fault_of(chunk_of("w", {}, {0}, {1})) == coverage_fault::malformed);
  REQUIRE(fault_of(chunk_of("w", {4}, {-1}, {4})) == coverage_fault::malformed);
  REQUIRE(fault_of(chunk_of("w", {4}, {0}, {-4})) == coverage_fault::malformed);
  REQUIRE(fault_of(chunk_of("w", {-4}, {0}, {4})) == coverage_fault::malformed);
  REQUIRE(only_fault({{{chunk_of("w", {4}, {-1}, {4})}}}).what().ends_with(" (plan 0, item 0)"));
}

TEST_CASE("each tensor that is not whole is listed once, in the order in which they first occur") {
  const dcp::coverage_report report =
      dcp::check_coverage(tensor_plans{{{chunk_of("z", {2}, {0}, {1}), chunk_of("whole", {2}, {0}, {2})}},
                                       {{chunk_of("a", {2}, {0}, {3}), chunk_of("a", {3}, {0}, {4})}}});

  REQUIRE(report.size() == 2);
  REQUIRE_FALSE(report.empty());
  REQUIRE(report.tensors[0].fqn == "z");
  REQUIRE(report.tensors[1].fqn == "a");
  REQUIRE(report.what() ==
          "dcp: 2 tensors are not written exactly once, element by element:\n"
          "  'z': (1) at (1) of (2) is written by nobody (plan 0, item 0)\n"
          "  'a': (3) at (0) of (2) is not within the tensor (plan 1, item 0)");
}

TEST_CASE("the text lists ten tensors and says how many more there are") {
  tensor_plans plans(1);
  for (int i = 0; i != 12; ++i) plans[0].items.push_back(chunk_of("w" + std::to_string(i), {2}, {0}, {1}));
  const std::string text = dcp::check_coverage(plans).what();

  REQUIRE(text.find("'w9'") != text.npos);
  REQUIRE(text.find("'w10'") == text.npos);
  REQUIRE(text.ends_with("\n  and 2 more"));
}

TEST_CASE("a fault that somebody else made up has a text too") {
  for (int fault = 0; fault <= static_cast<int>(coverage_fault::hole); ++fault)
    REQUIRE(faulty_tensor{"w", static_cast<coverage_fault>(fault), {}, {}, {}, {}}.what().starts_with("'w': "));
}

TEST_CASE("require_coverage throws what check_coverage returns") {
  const tensor_plans plans = {{{chunk_of("w", {2}, {0}, {1})}}};
  const dcp::coverage_report report = dcp::check_coverage(plans);
  try {
    dcp::require_coverage(plans);
    FAIL("nothing is thrown");
  } catch (const dcp::coverage_error& error) {
    REQUIRE(error.report == report);
    REQUIRE(error.what() == report.what());
  }
  REQUIRE_THROWS_AS(dcp::require_coverage(plans), std::runtime_error);
}

}  // namespace faults_test
