#pragma once

namespace ait::node {

/// Signals that end or reload a node arrive as reads of the descriptor that this gives, so that no
/// handler runs in the middle of something; those that would end it without a word are ignored.
/// Before the first thread.
int block_signals();

}  // namespace ait::node
