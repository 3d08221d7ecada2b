#pragma once

// Help texts and manual pages, made from the operation table alone. Examples come first, because
// most people look for the line to copy.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/operation.hpp"

namespace ait::cli {

/// `aitbc --help`: what it is, how to begin, every group and command.
std::string main_help();
/// `aitbc client --help`: every command below these words.
std::string group_help(std::span<const std::string> words);
/// `aitbc client submit --help`.
std::string command_help(const Operation& operation);

/// Manual pages (man(7)): of all commands, or of one.
std::string main_manual(std::string_view version);
std::string command_manual(const Operation& operation, std::string_view version);
/// The pages of all commands as files of section 1: "aitbc.1", "aitbc-client-submit.1", ...
struct ManualPage {
    std::string file{};
    std::string text{};
};
std::vector<ManualPage> manual_pages(std::string_view version);

/// "aitbc client submit [--type TYPE] ...", in lines of at most so many columns.
std::string synopsis(const Operation& operation, std::size_t width);

/// Operations that are commands, in the order of help.
std::vector<const Operation*> commands_in_order();

}  // namespace ait::cli
