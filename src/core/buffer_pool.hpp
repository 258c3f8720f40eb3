#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lodestone {

/// Buffers of one length that are used again and again, by any thread: new ones of megabytes are
/// new pages, and touching a page for the first time takes longer than working on it. Buffers are
/// freed with the pool.
template <class T>
class BufferPool {
 public:
  explicit BufferPool(std::size_t length) : length_(length) {}

  /// A buffer of uninitialized numbers, which returns to its pool when it goes out of scope.
  class Buffer {
   public:
    explicit Buffer(BufferPool& pool) : pool_(pool), numbers_(pool.take()) {}
    ~Buffer() { pool_.give_back(std::move(numbers_)); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    T* data() const { return numbers_.get(); }

   private:
    BufferPool& pool_;
    std::unique_ptr<T[]> numbers_;
  };

 private:
  std::unique_ptr<T[]> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<T[]> numbers = std::move(free_.back());
        free_.pop_back();
        return numbers;
      }
      // give_back() must not allocate: it runs in a destructor.
      free_.reserve(++made_);
    }
    return std::make_unique_for_overwrite<T[]>(length_);
  }

  void give_back(std::unique_ptr<T[]> numbers) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(numbers));
  }

  std::size_t length_;
  std::size_t made_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<T[]>> free_;
};

}  // namespace lodestone
