%% The same two programs as transport_load.cpp, over Erlang's own distribution: `serve` counts and
%% echoes typed records, `drive` sends them and measures. Used by tests/benchmarks/transport.
-module(transport_peer).
-export([serve/0, drive/1, counter/1]).

-record(load, {sequence, account, content, model, payload, deadline_unix_ms}).

load_of(Sequence) ->
    #load{sequence = Sequence,
          account = binary:copy(<<7>>, 32),
          content = binary:copy(<<9>>, 32),
          model = <<"llama-3.2-1b-instruct">>,
          payload = binary:copy(<<"p">>, 90),
          deadline_unix_ms = 1800000000000}.

serve() ->
    register(counter, spawn(?MODULE, counter, [0])),
    io:format("ready~n"),
    %% Until standard input ends.
    _ = io:get_line(""),
    halt(0).

counter(Count) ->
    receive
        #load{} -> counter(Count + 1);
        {echo, From, Ref, #load{} = Load} -> From ! {Ref, Load}, counter(Count);
        {count, From, Ref} -> From ! {Ref, Count}, counter(Count)
    end.

ask(To, Question) ->
    Ref = make_ref(),
    To ! setelement(3, setelement(2, Question, self()), Ref),
    receive
        {Ref, Answer} -> Answer
    after 60000 -> halt("no answer")
    end.

drive([Peer, Messages, Requests]) ->
    Node = list_to_atom(Peer),
    connect(Node, 100),
    To = {counter, Node},
    Took = lists:sort(requests(To, list_to_integer(Requests), [])),
    Rate = rate(To, list_to_integer(Messages)),
    At = fun(Part) -> lists:nth(1 + trunc(Part * (length(Took) - 1)), Took) end,
    io:format("{\"messages_per_second\":~b,\"p50_us\":~.1f,\"p99_us\":~.1f,\"message_bytes\":~b}~n",
              [Rate, At(0.5) / 1000, At(0.99) / 1000, erlang:external_size(load_of(1000000))]),
    halt(0).

connect(_, 0) -> halt("no connection");
connect(Node, Attempts) ->
    case net_kernel:connect_node(Node) of
        true -> ok;
        _ -> receive after 50 -> connect(Node, Attempts - 1) end
    end.

requests(_, 0, Took) -> Took;
requests(To, Left, Took) ->
    Began = erlang:monotonic_time(nanosecond),
    #load{} = ask(To, {echo, none, none, load_of(Left)}),
    requests(To, Left - 1, [erlang:monotonic_time(nanosecond) - Began | Took]).

rate(To, Messages) ->
    Before = ask(To, {count, none, none}),
    Began = erlang:monotonic_time(nanosecond),
    send(To, Messages),
    After = ask(To, {count, none, none}),
    Messages = After - Before,
    Messages * 1000000000 div (erlang:monotonic_time(nanosecond) - Began).

send(_, 0) -> ok;
send(To, Left) ->
    To ! load_of(Left),
    send(To, Left - 1).
