// May this node vote? After a start it listens first: a vote of this key that it does not remember
// means that its record is lost or old, or that the key is used twice. Then it stays mute until a
// view in which nothing can have been forgotten (CONSENSUS 1.5.3, 1.10).

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

bool Core::Engine::may_vote(std::uint64_t view) const {
    return standing_ == Standing::voting && !ended_ && !halted_ && view > certified_view_ &&
           view > guard_.muted_until() && view > guard_.floor();
}

KeyStanding Core::Engine::key_standing() const {
    if (config_.self && guard_.stopped()) return KeyStanding::stopped;
    const bool is_doubtful = standing_ == Standing::asking || standing_ == Standing::muted;
    return is_doubtful ? KeyStanding::doubtful : KeyStanding::sound;
}

void Core::Engine::begin_standing() {
    for (const AlarmKind kind : early_alarms_) alarm(kind, early_alarm_text_);
    if (!config_.self) {
        standing_ = Standing::follower;
        return;
    }
    if (guard_.stopped()) {
        standing_ = Standing::stopped;
        return;
    }
    for (auto& member : activity_) member.last_view = view_;
    if (!asking_why_.empty()) {
        begin_asking(asking_why_);
    } else if (members_.size() == 1) {
        standing_ = Standing::voting;
    } else {
        standing_ = Standing::listening;
        listen_until_ms_ = now_.steady_ms + 3 * config_.delta_ms;
    }
}

void Core::Engine::update_standing() {
    if (guard_.stopped() && standing_ != Standing::follower) standing_ = Standing::stopped;
    // Mute until a view that nobody can have entered while this key's record was lost; then listen
    // again, because somebody else may be voting with it.
    if (standing_ == Standing::muted && view_ > guard_.muted_until()) {
        standing_ = Standing::listening;
        listen_until_ms_ = now_.steady_ms + 3 * config_.delta_ms;
    }
}

void Core::Engine::begin_asking(std::string why) {
    standing_ = Standing::asking;
    was_muted_ = true;
    listen_until_ms_ = never_ms;
    answers_.assign(members_.size(), std::nullopt);
    const std::uint64_t others = total_weight_ - config_.members[*config_.self].weight;
    why += others >= quorum_ ? " This node votes again when a quorum of the others has answered."
                             : " The others are too few to vouch for it: replace this member.";
    alarm(AlarmKind::guard_missing, std::move(why));
    ask_views();
}

void Core::Engine::ask_views() {
    send_now(Audience::members, 0, Priority::certificate,
             encode_message(WireKind::question, config_.epoch,
                            QuestionMessage{.incarnation = config_.incarnation}));
    ask_at_ms_ = now_.steady_ms + 2 * config_.delta_ms;
}

void Core::Engine::on_question(Peer peer, std::string_view message) {
    const auto question = decode_message<QuestionMessage>(message);
    if (!question.ok()) {
        ++counters_.malformed;
        return;
    }
    // Who has forgotten itself cannot vouch for others.
    if (!config_.self || standing_ == Standing::asking || standing_ == Standing::stopped) return;
    if (!spend(peer, 1)) return;
    AnswerMessage answer{.incarnation = question.value().incarnation, .view = view_};
    if (entry_) answer.proofs.list.push_back(to_wire(*entry_));
    // The view that was entered counts from when a vote in it could have been signed.
    hold(Send{.peer = peer,
              .priority = Priority::certificate,
              .bytes = encode_message(WireKind::answer, config_.epoch, answer)});
}

void Core::Engine::on_answer(Peer peer, std::string_view message) {
    auto answer = decode_message<AnswerMessage>(message);
    if (!answer.ok()) {
        ++counters_.malformed;
        return;
    }
    if (standing_ != Standing::asking || !is_member(peer) || is_self(peer)) return;
    const bool is_mine = answer.value().incarnation == config_.incarnation;
    if (!is_mine && !planted(Bug::stale_answers_counted)) return;
    for (const auto& proof : answer.value().proofs.list) take_proof(peer, proof);
    // Where members may lie, a view needs a certificate near it: else one liar mutes this node for
    // ever. Where they may only crash, its word is enough.
    std::uint64_t view = answer.value().view;
    if (config_.fault_model == FaultModel::byzantine)
        view = std::min(view, decided_view_ + 1 + window());
    answers_[peer] = std::max(answers_[peer].value_or(0), view);
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < answers_.size(); ++i) {
        if (answers_[i]) weight += config_.members[i].weight;
    }
    if (weight >= quorum_) finish_asking();
}

void Core::Engine::finish_asking() {
    std::uint64_t highest = view_;
    for (const auto& answer : answers_) highest = std::max(highest, answer.value_or(0));
    // One of the quorum signed in the view before the last that this key can have voted in.
    guard_.mute_until(planted(Bug::mute_one_view_short) ? highest - 1 : highest + 1);
    standing_ = Standing::muted;
    ask_at_ms_ = never_ms;
    guard_doubtful_ = false;
    begin_journal_anew();
    changed_ = true;
}

void Core::Engine::on_own_vote_from_elsewhere(const Statement& statement) {
    if (planted(Bug::wiped_guard_votes_at_once)) return;
    if (standing_ == Standing::stopped || standing_ == Standing::follower ||
        standing_ == Standing::asking) {
        return;
    }
    const std::string where = "A vote of this node's key (" + std::string(name_of(statement.kind)) +
                              " in view " + std::to_string(statement.view) +
                              ") came from elsewhere";
    if (!has_voted_ && !was_muted_) {
        begin_asking(where + ", and this node's record of votes does not have it.");
        return;
    }
    guard_.stop();
    standing_ = Standing::stopped;
    listen_until_ms_ = never_ms;
    alarm(AlarmKind::key_used_elsewhere,
          where + ": two nodes run with one key. This one votes no more; stop one, and restart.");
}

}  // namespace ait::consensus::simplex
