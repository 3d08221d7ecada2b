#pragma once

// Which messages actors of different nodes may send each other, and their form on the wire: a
// number for each type, the kind of frame it travels in, and the project's msgpack codec. Numbers
// are the same on all nodes for ever; CAF's own ids and serialisers never meet the wire.

#include <bitset>
#include <caf/message.hpp>
#include <caf/rtti_pair.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>

#include "runtime/base/codec/msgpack.hpp"

namespace ait::net {

/// One type of message: how to write and read it, and its answer if it is a request.
struct PeerMessageForm {
    using Write = void (*)(const caf::message& from, std::string& to);
    using Read = Result<caf::message> (*)(std::string_view bytes);
    std::uint16_t number = 0;
    std::uint8_t kind = 0;  ///< of the frame (PeerKind); of a request: one with a reply_kind
    Write write = nullptr;
    Read read = nullptr;
    std::type_index reply_type = typeid(void);
    Write write_reply = nullptr;  ///< null: not a request
    Read read_reply = nullptr;
};

/// The table of all of them; filled before the transport starts, then only read. Any thread.
class PeerMessages {
  public:
    /// A message that is only sent.
    template <Described T>
    PeerMessages& add(std::uint16_t number, std::uint8_t kind) {
        return put(typeid(T), {.number = number, .kind = kind, .write = write<T>, .read = read<T>});
    }
    /// A message that is answered by an R or an error.
    template <Described T, Described R>
    PeerMessages& add_request(std::uint16_t number, std::uint8_t kind) {
        return put(typeid(T), {.number = number,
                               .kind = kind,
                               .write = write<T>,
                               .read = read<T>,
                               .reply_type = typeid(R),
                               .write_reply = write<R>,
                               .read_reply = read<R>});
    }
    /// The form of a message of one element of a known type, or null.
    [[nodiscard]] const PeerMessageForm* find(const caf::message& message) const;
    [[nodiscard]] const PeerMessageForm* find(std::uint16_t number) const;
    /// Whether some message travels in frames of this kind.
    [[nodiscard]] bool uses(std::uint8_t kind) const noexcept { return kinds_[kind]; }

  private:
    template <Described T>
    static void write(const caf::message& from, std::string& to) {
        append_encoded(to, from.get_as<T>(0));
    }
    template <Described T>
    static Result<caf::message> read(std::string_view bytes) {
        auto value = decode<T>(bytes);
        if (!value.ok()) return value.error();
        return caf::make_message(std::move(value).value());
    }
    PeerMessages& put(std::type_index type, const PeerMessageForm& form);

    std::unordered_map<std::type_index, PeerMessageForm> by_type_{};
    std::map<std::uint16_t, std::type_index> by_number_{};
    std::bitset<256> kinds_{};
};

}  // namespace ait::net
