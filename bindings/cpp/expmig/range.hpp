/* Ranges over what the C API hands out by index. */
#ifndef EXPMIG_RANGE_HPP
#define EXPMIG_RANGE_HPP

#include <cstddef>
#include <iterator>

namespace expmig {
namespace detail {

/** The items of an owner, which makes each item when it is accessed, with `at(index)`. Borrowed from the owner. */
template <class Owner, class Item>
class indexed_range {
public:
    class iterator {
        struct pointer_to {
            Item item;
            const Item *operator->() const noexcept { return &item; }
        };

    public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using reference = Item;
        using pointer = pointer_to;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;

        iterator() = default;
        iterator(const Owner *owner, std::size_t index) noexcept : owner_(owner), index_(index) {}

        Item operator*() const { return owner_->at(index_); }
        pointer operator->() const { return {**this}; }

        iterator &operator++() noexcept {
            ++index_;
            return *this;
        }

        iterator operator++(int) noexcept {
            iterator before = *this;
            ++index_;
            return before;
        }

        friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.index_ == b.index_; }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return a.index_ != b.index_; }

    private:
        const Owner *owner_ = nullptr;
        std::size_t index_ = 0;
    };

    indexed_range(const Owner &owner, std::size_t size) noexcept : owner_(&owner), size_(size) {}

    iterator begin() const noexcept { return {owner_, 0}; }
    iterator end() const noexcept { return {owner_, size_}; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    Item operator[](std::size_t index) const { return owner_->at(index); }

private:
    friend class iterator;

    const Owner *owner_;
    std::size_t size_;
};

} // namespace detail
} // namespace expmig

#endif
