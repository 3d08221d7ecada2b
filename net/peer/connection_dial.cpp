#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "net/peer/address_text.hpp"
#include "net/peer/connection.hpp"

namespace ait::net {

namespace asio = boost::asio;
using Resolver = asio::ip::tcp::resolver;

void PeerConnection::start_dialling() {
    const PeerTransport::Options& options = core_->options;
    arm_deadline(target_.timeout_ms == 0 ? options.connect_ms_max : target_.timeout_ms);
    const std::string host = target_.host == "localhost" ? "127.0.0.1" : target_.host;
    ErrorCodeAsio error;
    const auto address = asio::ip::make_address(host, error);
    if (!error) {
        const asio::ip::tcp::endpoint endpoint(address, target_.port);
        return connect(Resolver::results_type::create(endpoint, host, ""));
    }
    resolver_ = std::make_unique<Resolver>(core_->io);
    resolver_->async_resolve(
        host, std::to_string(target_.port),
        [self = shared_from_this()](const ErrorCodeAsio& failure, const auto& endpoints) {
            if (!self->is_open()) return;
            if (!failure) return self->connect(endpoints);
            self->end(PeerEnd::nobody_listens,
                      "The name \"" + self->target_.host + "\": " + failure.message() + ".", false);
        });
}

void PeerConnection::connect(const Resolver::results_type& endpoints) {
    asio::async_connect(
        socket_, endpoints,
        [self = shared_from_this()](const ErrorCodeAsio& error, const auto& endpoint) {
            if (!self->is_open()) return;
            if (!error) {
                self->address_ = address_text(endpoint.address());
                return self->connected();
            }
            self->end(PeerEnd::nobody_listens, error.message() + ".", false);
        });
}

void PeerConnection::connected() {
    ErrorCodeAsio error;
    socket_.non_blocking(true, error);
    if (error) return lost(error);
    const std::int64_t now_us = PeerCore::now_us();
    probe_.connect_us = now_us - began_us_;
    phase_ = Phase::tls;
    std::uint32_t left_ms = core_->options.handshake_ms_max;
    if (target_.timeout_ms != 0) {
        const auto used_ms = static_cast<std::uint32_t>(probe_.connect_us / 1'000);
        left_ms = target_.timeout_ms - std::min(used_ms, target_.timeout_ms);
    }
    arm_deadline(left_ms);
    std::string_view nothing;
    (void)shake(nothing);  // the dialler speaks first
    if (is_open()) wait_readable();
}

}  // namespace ait::net
