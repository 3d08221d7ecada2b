#pragma once

#include <functional>

namespace ait::node {

/// Signals that end or reload a node arrive as reads of the descriptor that this gives, so that no
/// handler runs in the middle of something; those that would end it without a word are ignored.
/// Before the first thread.
int block_signals();

/// Something that another thread asks the main one for.
class Wish {
  public:
    Wish();
    ~Wish();
    Wish(const Wish&) = delete;
    Wish& operator=(const Wish&) = delete;

    /// Any thread.
    void ask();
    /// Whether it was asked for since the last time.
    [[nodiscard]] bool take();
    /// Can be read when it was asked for.
    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
};

/// Waits for the end, with a sign of life for the supervisor, and calls `reload` at SIGHUP. True:
/// the process is to stop; false: the node is to be opened again.
bool wait_for_end(int signals, Wish& reopens, const std::function<void()>& reload);

}  // namespace ait::node
