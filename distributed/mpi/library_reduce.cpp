// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/library_reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace tessera::distributed::mpi {
namespace {

constexpr size_t kElementsPerCall = size_t{1} << 28;

MPI_Op mpi_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum: return MPI_SUM;
    case ReduceOp::max: return MPI_MAX;
    case ReduceOp::min: return MPI_MIN;
  }
  return MPI_OP_NULL;
}

std::exception_ptr broken_error(const CollectiveRecord& record) {
  return std::make_exception_ptr(Error(ErrorKind::runtime, fmt::format("{} follows one that was abandoned before it began", record.text()),
                                       "", "split a new communicator"));
}

}  // namespace

LibraryReduce::LibraryReduce(std::shared_ptr<WorkState> work, MPI_Comm comm, CollectiveRequest request)
    : Operation(std::move(work)), comm_(comm), request_(std::move(request)) {}

void LibraryReduce::do_begin(Requests& requests) {
  const ElementType type = request_.input.type();
  const MPI_Datatype datatype = type == ElementType::f64 ? MPI_DOUBLE : MPI_FLOAT;
  const size_t elements = request_.input.elements();
  staging_ = Staging(request_.input.size_bytes());
  std::memcpy(staging_.data(), request_.input.data(), request_.input.size_bytes());
  for (size_t begin = 0; begin < elements; begin += kElementsPerCall) {
    const auto count = static_cast<int>(std::min(kElementsPerCall, elements - begin));
    MPI_Request request = MPI_REQUEST_NULL;
    check(
        MPI_Iallreduce(MPI_IN_PLACE, staging_.data() + begin * size_bytes_of(type), count, datatype, mpi_op(request_.op), comm_, &request),
        "MPI_Iallreduce");
    requests.add(request, *this, 0);
    ++pending_;
  }
}

void LibraryReduce::do_completed(Requests&, uint32_t, const MPI_Status&) {
  if (--pending_ > 0) return;
  work().write_output([&] { std::memcpy(request_.output.data(), staging_.data(), request_.output.size_bytes()); });
  work().finish(nullptr);
}

void LibraryQueue::push(std::shared_ptr<LibraryReduce> operation) { waiting_.push_back(std::move(operation)); }

void LibraryQueue::advance(Requests& requests) {
  while (!waiting_.empty()) {
    const std::shared_ptr<LibraryReduce> head = waiting_.front();
    if (head->is_over()) broken_ = true;
    if (broken_) {
      head->work().finish(broken_error(head->work().record()));
    } else if (!head->is_ready()) {
      return;
    } else {
      head->begin(requests);
    }
    waiting_.pop_front();
  }
}

}  // namespace tessera::distributed::mpi
