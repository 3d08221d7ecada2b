#include "runtime/node/hosted_chain.hpp"

#include <array>
#include <caf/all.hpp>

#include "actors/consensus/sole_validator.hpp"
#include "actors/coordinator/job.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/ledger/book.hpp"
#include "actors/ledger/state.hpp"
#include "actors/miner/state.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/node/chain_place.hpp"

namespace ait::node {
namespace {

consensus::RuleSet rules_of_chains() {
    const std::array domains{ledger::domain_rules(), coordinator::domain_rules(),
                             miner::domain_rules()};
    return {domains, &ledger::take_nonce};
}

}  // namespace

HostedChain::HostedChain(ChainHost host, ChainHome home)
    : host_(std::move(host)),
      home_(std::move(home)),
      // A chain of one validator without peers needs nobody's agreement.
      is_replicated_(home_.genesis.validators.size() > 1 || !home_.peers.nodes.empty()),
      rules_(rules_of_chains()),
      sessions_(host_.clock, system_random()),
      liveness_(host_.clock),
      peers_(home_.peers, replicated_.network(), host_.key,
             [this] { return replicated_.peer_heights(); }),
      probe_(*this, figures_) {}

HostedChain::~HostedChain() {
    stop();
}

Status HostedChain::open() {
    auto opened = open_chain_of_node({.folder = home_.folder,
                                      .is_default = home_.is_default,
                                      .storage = host_.config.storage,
                                      .genesis = home_.genesis,
                                      .rules = rules_,
                                      .clock = host_.clock,
                                      .on_fatal = host_.on_fatal});
    if (!opened.ok()) return opened.error();
    database_ = std::move(opened.value().database);
    data_ = std::move(opened.value().data);
    height_at_start_ = data_->tip().height;
    if (!is_replicated_)
        return consensus::check_sole_validator(name(), data_->validators(), host_.key.public_key());
    membership_.emplace(*data_, host_.key, host_.clock);
    return replicated_.open_journal(home_.folder, *data_, host_.key);
}

void HostedChain::start(caf::actor_system& system) {
    const auto& storage = host_.config.storage;
    scrubber_.emplace(Scrubber::Parts{.files = storage::posix_file_system(),
                                      .log_directory = home_.folder + "/log-" + name(),
                                      .database = *database_,
                                      // Published is durable: a block is synced before it is shown.
                                      .height_durable = [this] { return reader()->height(); },
                                      .clock = host_.clock,
                                      .interval_ms = std::uint64_t{storage.scrub_interval_s} * 1000,
                                      .bytes_per_second = storage.scrub_bytes_per_second});
    chain_ = start_chain(system);
    coordinator_ = coordinator::spawn_coordinator(system, *this);
    leases_.emplace(coordinator_);
    watch_ = miner::spawn_miner_watch(system, *this);
    events_ = spawn_event_streams(system, *this);
}

consensus::ChainPort HostedChain::start_chain(caf::actor_system& system) {
    if (is_replicated_) {
        return replicated_.spawn(
            system,
            {.data = *data_,
             .key = host_.key,
             .clock = host_.clock,
             .listeners = listeners_,
             .figures = figures_,
             .on_fatal = host_.on_fatal,
             .block_wait_ms = host_.config.chain.block_wait_ms,
             .snapshots = snapshot_place({.folder = home_.folder,
                                          .chain = name(),
                                          .is_default = home_.is_default,
                                          .checkpoint_blocks = host_.config.chain.checkpoint_blocks,
                                          .on_fatal = host_.on_fatal,
                                          .on_joined = host_.on_joined}),
             .duties = [this] { return membership_->due(); }});
    }
    return consensus::spawn_chain(system, {.data = *data_,
                                           .node_key = host_.key,
                                           .clock = host_.clock,
                                           .listeners = listeners_,
                                           .figures = figures_,
                                           .on_fatal = host_.on_fatal,
                                           .block_wait_ms = host_.config.chain.block_wait_ms});
}

Status HostedChain::link() {
    return is_replicated_ ? replicated_.link(home_.peers, *data_, host_.key) : Status{};
}

std::future<void> HostedChain::drain() {
    auto drained = std::make_shared<std::promise<void>>();
    auto future = drained->get_future();
    caf::anon_send(chain_, consensus::Drain{[drained] { drained->set_value(); }});
    return future;
}

void HostedChain::stop() {
    replicated_.stop_links();
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(events_), caf::actor_cast<caf::actor>(coordinator_),
          caf::actor_cast<caf::actor>(watch_), caf::actor_cast<caf::actor>(chain_)}) {
        if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    }
    events_ = nullptr;
    leases_.reset();
    coordinator_ = nullptr;
    watch_ = nullptr;
    chain_ = nullptr;
    replicated_.stop_writer();
    scrubber_.reset();
}

std::string HostedChain::problem() {
    probe_.look();
    if (auto apart = replicated_.problem(); !apart.empty()) return apart;
    if (const auto rot = scrub_figures().first_damage) return rot->what + " " + rot->why;
    return probe_.state().problem;
}

ChainMetrics HostedChain::metrics() const {
    const auto lost_ms = static_cast<std::int64_t>(home_.genesis.parameters.miner_lost_ms);
    return {.chain = name(),
            .is_default = home_.is_default,
            .figures = figures_,
            .miners_alive = liveness_.alive_count(lost_ms),
            .jobs_open = coordinator::load_counters(reader()->state()).open,
            .scrub = scrub_figures(),
            .replication = replication()};
}

void HostedChain::miner_heard(const Address& address) {
    caf::anon_send(watch_, miner::HeardFrom{address});
}

void HostedChain::propose(NodeOperation operation, consensus::Submission::Done done) {
    const Status admitted = host_.drain_gate.admit(operation.kind);
    if (!admitted.ok()) return done(admitted.error());
    consensus::BatchItem item{.principal = operation.principal,
                              .idempotency_key = operation.idempotency_key,
                              .kind = std::move(operation.kind),
                              .body = Blob{std::move(operation.body)},
                              .blobs = {},
                              .salt = salt_for(operation.salt, operation.idempotency_key)};
    for (const auto& blob : operation.blobs) item.blobs.push_back(crypto::blake2b_256(blob));
    submit(std::move(item), std::move(operation.blobs), operation.dry_run,
           operation.deadline_unix_ms, std::move(done));
}

void HostedChain::submit_signed(std::string wire, std::string_view kind,
                                std::vector<std::string> blobs, bool dry_run,
                                std::int64_t deadline_unix_ms, consensus::Submission::Done done) {
    const Status admitted = host_.drain_gate.admit(kind);
    if (!admitted.ok()) return done(admitted.error());
    auto transaction = consensus::verify_transaction(wire, name(), data_->genesis_id());
    if (!transaction.ok()) return done(transaction.error());
    if (transaction.value().content.kind != kind) {
        return done(Error{ErrorCode::invalid_argument, "The transaction is of another kind.",
                          "It is " + transaction.value().content.kind + "; this route takes " +
                              std::string(kind) + ".",
                          "Send it to its own route."});
    }
    submit(std::move(transaction).value(), std::move(blobs), dry_run, deadline_unix_ms,
           std::move(done));
}

void HostedChain::submit(consensus::Submission::Operation operation, std::vector<std::string> blobs,
                         bool dry_run, std::int64_t deadline_unix_ms,
                         consensus::Submission::Done done) {
    if (!dry_run) {
        if (auto refusal = host_.disk_watch.refusal()) return done(std::move(*refusal));
    }
    auto submission = std::make_shared<consensus::Submission>(
        std::move(operation), std::move(blobs), dry_run, deadline_unix_ms, std::move(done));
    if (inbox_->put(std::move(submission))) caf::anon_send(chain_, consensus::Submit{inbox_});
}

void HostedChain::open_stream(std::shared_ptr<EventStream> stream) {
    caf::anon_send(events_, OpenStream{std::move(stream)});
}

}  // namespace ait::node
