// What the public headers call by name, or give arguments to, as a list: a test has a function template of each in the
// namespace of its types, and asks that no function of the headers is missing here.

#ifndef DCP_TESTS_GREEDY_NAMES_HPP
#define DCP_TESTS_GREEDY_NAMES_HPP

// clang-format off
#define DCP_TESTS_GREEDY_NAMES(X)                                                                                      \
  X(abort) X(accept_moves) X(add) X(add_own_bytes) X(addressof) X(adjacent_find) X(all_) X(all_of) X(all_parts)        \
  X(answering) X(any_of) X(append_index) X(append_quoted) X(append_removed) X(apply) X(as_const) X(ask) X(assign)      \
  X(at) X(back) X(bad) X(bad_alloc) X(balanced_policy) X(balancer) X(begin) X(begins) X(binary_search) X(bring_under)  \
  X(bytes) X(bytes_known) X(bytes_known_) X(call) X(check_changeable) X(check_chunk) X(check_coverage)                 \
  X(check_decision) X(check_items) X(check_readable) X(check_replicas) X(check_returnable) X(check_whole) X(checked)   \
  X(choose) X(choose_keepers) X(chosen) X(chosen_by) X(chunk) X(chunk_in) X(classic) X(clear) X(close_up) X(common)    \
  X(conflict) X(conflict_error) X(conflict_message) X(conflicts) X(console_logger) X(count) X(count_of)                \
  X(count_plans) X(counts) X(coverage_error) X(current) X(data) X(decide) X(declval) X(dedup_tensors) X(dtype_of)      \
  X(duplicate_search) X(edges_of) X(emplace_back) X(emptiest) X(empty) X(end) X(equal) X(equal_indices) X(erase)       \
  X(erase_duplicates) X(erase_from) X(erase_if) X(erase_items) X(erase_runs) X(everywhere) X(exactly) X(exchange)      \
  X(fail) X(file_) X(file_name) X(find) X(find_duplicates) X(find_if) X(find_if_not) X(find_last_of) X(find_or_enter)  \
  X(find_sets) X(first) X(first_item) X(floor) X(follow_replica) X(for_each_item) X(for_each_part) X(forward)          \
  X(fprintf) X(fqn) X(front) X(function_) X(fwrite) X(get) X(getpid) X(give) X(give_in_order) X(give_largest_first)    \
  X(grow_past) X(has_bare_text) X(has_equality) X(has_value) X(hash) X(hash_of_index) X(holders) X(holds) X(hook)      \
  X(id_table) X(imbue) X(in) X(index) X(index_at) X(insert) X(invalid_argument) X(iota) X(is_emptier) X(is_empty)      \
  X(is_equal) X(is_index) X(is_near_miss) X(is_null) X(is_redundant) X(is_same) X(is_small) X(is_zero) X(item)         \
  X(items) X(items_) X(items_in) X(iterator) X(keep) X(keepers) X(keepers_by) X(kept_item) X(kept_of) X(key)           \
  X(largest) X(length_error) X(less) X(level_name) X(lexicographical_compare) X(lies_within) X(line) X(line_)          \
  X(list_kept) X(local) X(local_time) X(localtime) X(localtime_r) X(log) X(logic_error) X(look_up) X(look_up_block)    \
  X(lower_bound) X(lower_largest) X(make_optional) X(make_pieces) X(make_reverse_iterator) X(make_room)                \
  X(max_element) X(may_write) X(meets) X(mem_fn) X(member) X(min_element) X(mix) X(most_) X(move) X(move_one_of)       \
  X(move_piece) X(move_to_holder) X(mutable_items) X(now) X(numbers_of) X(order) X(out_of_range) X(overflow_error)     \
  X(own_bytes) X(own_bytes_) X(pair) X(part) X(partial_sort_copy) X(parts_in) X(parts_of) X(piece_of_) X(place_)       \
  X(plan_) X(planned_items) X(plans) X(policy) X(pop_back) X(predicate) X(prefetch) X(process_id) X(pthread_self)      \
  X(pthread_threadid_np) X(push_back) X(raise) X(raise_limit) X(read_boxes) X(record_known) X(redundant_items)         \
  X(refuse_null) X(refuse_shared_items) X(removal_message) X(rend) X(report) X(report_on) X(require_coverage)          \
  X(reserve) X(resize) X(result) X(room_in) X(runtime_error) X(same_data) X(same_index) X(search) X(seen)              \
  X(set_limit) X(shared) X(shared_) X(shared_indices) X(shrink_to_fit) X(size) X(size_bytes) X(skip_kept) X(snprintf)  \
  X(sort) X(source_location) X(span) X(stable_sort) X(storage_size) X(str) X(strftime) X(string_view) X(subspan)       \
  X(substr) X(syscall) X(table_) X(take) X(take_back_move) X(tells_indices_apart) X(tensor_name) X(text) X(thread_id)  \
  X(time_point_cast) X(to_string) X(to_time_t) X(transfer) X(try_emplace) X(type_identity) X(type_list) X(value_or)    \
  X(valueless_by_exception) X(vector) X(visibility) X(visit) X(what) X(with_share) X(write_line) X(writes_nothing)     \
  X(written)
// clang-format on

#endif  // DCP_TESTS_GREEDY_NAMES_HPP
