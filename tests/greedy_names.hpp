// What the public headers call by name, or give arguments to, as a list: a test has a function template of each in the
// namespace of its types, and asks that no function of the headers is missing here.

#ifndef DCP_TESTS_GREEDY_NAMES_HPP
#define DCP_TESTS_GREEDY_NAMES_HPP

// clang-format off
#define DCP_TESTS_GREEDY_NAMES(X)                                                                                      \
  X(count_of) X(meet) X(is_empty) X(dtype_of) X(numbers_of) X(read_boxes) X(add_up) X(all_of) X(any_of) X(begins_)     \
          X(bytes_known_) X(check_whole) X(even_out) X(fail) X(file_) X(find_if_not) X(first_) X(fqn) X(function_)     \
  X(give_in_order) X(given_) X(grow_past) X(has_empty) X(has_empty_) X(hash_of) X(is_lighter) X(is_small)              \
  X(is_written_) X(items_) X(keepers) X(keepers_of_unknown) X(level) X(line_) X(max_message_) X(movable)               \
  X(number_all_) X(own_bytes_) X(pieces_of) X(plan_seen) X(rbegin) X(rend) X(room_in) X(set_seen) X(sets_of_)          \
  X(shared_) X(steps) X(text_) X(everywhere) X(mem_fn) X(report_on) X(number) X(parts_in) X(for_each_that_stays) \
  X(Exception) X(GetCurrentProcessId) X(GetCurrentThreadId) X(Items) X(Other) X(Type) X(Variant) X(abort)              \
  X(accumulate) X(add) X(add_own_bytes) X(add_redundant) X(addressof) X(ahead) X(all_parts) X(allocator)               \
  X(allocator_traits) X(append_index) X(append_quoted) X(append_removed) X(apply) X(array) X(as_bytes) X(as_const)     \
  X(assign) X(at) X(back) X(balanced_policy) X(balancer) X(basic_streambuf) X(before_begin) X(begin)                   \
  X(begins_with_text) X(behind) X(binary_search) X(bit_width) X(boxes) X(buffer) X(byte) X(byte_flow) X(bytes)         \
  X(bytes_known) X(capacity) X(change_writers) X(changeable_result) X(check) X(check_changeable) X(check_chunk)        \
  X(check_coverage) X(check_item) X(check_plan) X(check_readable) X(check_replicas) X(check_returnable)                \
  X(check_same_plans) X(checked) X(choice) X(choose) X(choose_keepers) X(chunk) X(chunk_in) X(chunk_of) X(clear)       \
  X(close_up) X(complete) X(conditional_t) X(conflict) X(conflict_error) X(conflict_message) X(conflicts)              \
  X(console_logger) X(construct) X(constructible_from) X(contiguous_range) X(convertible_to) X(copies_what_stays)      \
  X(copy_what_stays) X(copy_without_duplicates) X(copyable) X(count) X(coverage_error) X(current) X(cursor) X(data)    \
  X(decay_t) X(decide) X(declval) X(dedup_tensors) X(default_index) X(default_items) X(distance) X(distinct)           \
  X(duplicate_search) X(each) X(edges) X(edges_of) X(elements_of) X(emplace) X(emplace_back) X(empty) X(end)           \
  X(entry_of) X(eof) X(equal) X(equal_to) X(erasable) X(erase) X(erase_after) X(erase_duplicates) X(erase_from)        \
  X(erase_items) X(erases_after) X(erases_one) X(exactly) X(exceptions) X(exchange) X(faulty) X(file_name) X(fill)     \
  X(fill_in_order) X(find) X(find_duplicates) X(find_if) X(find_last_of) X(find_or_enter) X(find_redundant)            \
  X(find_sets) X(first) X(first_fault) X(first_item) X(floor) X(flow) X(follow_replica) X(for_each_item)               \
  X(for_each_part) X(forward) X(forward_range) X(fprintf) X(front) X(function) X(fwrite) X(get) X(get_allocator)       \
  X(getpid) X(gettid) X(give) X(grow) X(has_digits) X(has_equality) X(has_fqn) X(has_hash) X(has_no_bare_text)         \
  X(has_numbers) X(has_parts) X(has_std_hash) X(has_value) X(hash) X(held) X(high) X(holder_lists) X(holders)          \
  X(holds) X(holds_elements) X(hole_at) X(in) X(index) X(index_at) X(index_of) X(index_result) X(index_sequence)       \
  X(insert) X(integers) X(integral) X(invalid_argument) X(iota) X(is_array) X(is_array_v) X(is_class_v)                \
  X(is_comparable) X(is_const_v) X(is_copy_constructible_v) X(is_enum_v) X(is_final_v) X(is_giant) X(is_integral_v)    \
  X(is_lvalue_reference_v) X(is_move_assignable_v) X(is_nothrow_move_constructible_v) X(is_pointer_v)                  \
  X(is_polymorphic_v) X(is_std_vector) X(is_trivially_copyable_v) X(is_void_v) X(is_writer) X(is_zero) X(item)         \
  X(item_of) X(items) X(items_object) X(items_of) X(items_result) X(iter_difference_t) X(iterator_t) X(json_value)     \
  X(keep_policy) X(keep_unknown) X(keepers_by) X(keeps_const) X(keeps_empty) X(kept) X(kept_for) X(key) X(largest)     \
  X(largest_or_mean) X(last) X(left) X(length_error) X(less) X(level_name) X(lexicographical_compare)                  \
  X(lies_within) X(line) X(local) X(local_time) X(localtime) X(localtime_r) X(localtime_s) X(log) X(logger)            \
  X(look_up) X(look_up_block) X(low) X(lower_bound) X(make_index_sequence) X(make_pieces) X(map_entry)                 \
  X(max_element) X(max_message) X(may_be_nothing) X(may_write) X(meets) X(mend) X(min_element) X(mix) X(move)          \
  X(move_without_duplicates) X(mutable_items) X(names_tensor) X(never) X(now) X(number_table) X(numbers)               \
  X(numbers_text) X(numeric_limits) X(of) X(optional) X(optional_like) X(order) X(out) X(out_of_range)                 \
  X(outlives_call) X(overflow) X(overflow_error) X(overlap_at) X(own_bytes) X(owns_elements) X(pair) X(part)           \
  X(part_of_sum) X(parts_of) X(peak) X(place) X(places_of) X(plain_sequence) X(plan_of) X(planned_items)               \
  X(planned_tensors) X(plans) X(pointee) X(points) X(policy) X(pop_back) X(predicate) X(prefetch) X(prints_itself)     \
  X(process_id) X(pthread_self) X(pthread_threadid_np) X(push) X(push_back) X(raise) X(raise_capacity)                 \
  X(random_access_iterator) X(random_access_range) X(range_reference_t) X(range_value_t) X(read) X(read_chunk)         \
  X(read_numbers) X(refuse_shared) X(refuse_to_balance) X(removal_message) X(remove_const_t) X(remove_cvref_t)         \
  X(remove_pointer_t) X(remove_reference_t) X(report) X(require_coverage) X(reserve) X(reset) X(resize) X(result)      \
  X(room) X(runtime_error) X(same) X(same_as) X(same_data) X(same_dtype) X(same_index) X(save_plan_traits)             \
  X(search) X(see) X(see_chunk) X(seen) X(select_on_container_copy_construction) X(set_writer) X(shared)               \
  X(shared_indices) X(signed_integral) X(size) X(snprintf) X(sort) X(source_location) X(span) X(spread)                \
  X(stable_partition) X(stable_sort) X(states) X(storage_size) X(strftime) X(string) X(subspan) X(substr) X(swap)      \
  X(take) X(target) X(tells) X(tells_bytes) X(tells_chunk) X(tells_data) X(tells_equality) X(tells_hash)               \
  X(tensor_name) X(text) X(text_buffer) X(thread_id) X(tiling) X(time_point_cast) X(to_string) X(to_time_t)            \
  X(told_chunk) X(tolerance) X(trait_tells_chunk) X(try_emplace) X(tuple) X(tuple_size) X(tuple_size_v)                \
  X(type_list) X(unordered_map) X(unset_allocator) X(unset_vector) X(value_or) X(valueless_by_exception) X(vector)     \
  X(visibility) X(visit) X(what) X(width) X(with_share) X(without_items) X(write_item_traits) X(write_line)            \
  X(writer) X(writes_nothing)
// clang-format on

#endif  // DCP_TESTS_GREEDY_NAMES_HPP
