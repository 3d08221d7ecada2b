"""An Ollama server in plain sockets that is as ill as a test wants, by the name of the model."""

import contextlib
import json
import socket
import threading
import time

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
)


def line(model, text="", **more):
    return json.dumps({"model": model, "response": text, "done": False, **more}).encode() + b"\n"


def last(model, **more):
    counts = {"prompt_eval_count": 3, "eval_count": 2, **more}
    return line(model, done=True, done_reason="stop", **counts)


def answer(status, body, content_type="application/json", extra=""):
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n{extra}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


class Server:
    """Lists every model it is asked to have; `ills` says what each does when it should write."""

    def __init__(self, models, ills=None, backlog=64):
        self.models = list(models)
        self.ills = dict(ills or {})
        self.hears_nothing = threading.Event()  # even the list of models is not answered
        self.asked = {model: 0 for model in self.models}
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.is_open = True
        self.fillers = []
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.is_open = False
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.fillers:
            each.close()

    def accept(self):
        while self.is_open:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if self.fillers:
                self.fillers.append(peer)
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def fill(self):
        """Nobody accepts any more and the queue of the kernel is full: connecting hangs."""
        for _ in range(6):
            filler = socket.socket()
            filler.setblocking(False)
            self.fillers.append(filler)
            filler.connect_ex(("127.0.0.1", self.port))

    def serve(self, peer):
        with contextlib.suppress(OSError, ValueError), peer:
            request = b""
            while b"\r\n\r\n" not in request:
                request += self.more(peer)
            head, _, body = request.partition(b"\r\n\r\n")
            length = 0
            for row in head.lower().split(b"\r\n"):
                if row.startswith(b"content-length:"):
                    length = int(row.split(b":")[1])
            while len(body) < length:
                body += self.more(peer)
            self.reply(peer, head.split(b" ")[1], body)

    @staticmethod
    def more(peer):
        got = peer.recv(65536)
        if not got:
            raise OSError("gone")
        return got

    def reply(self, peer, path, body):
        if self.hears_nothing.is_set():
            return self.wait_for_end(peer)
        if path == b"/api/tags":
            rows = json.dumps({"models": [{"name": model} for model in self.models]})
            return peer.sendall(answer(200, rows.encode()))
        model = json.loads(body)["model"]
        with self.lock:
            self.asked[model] = self.asked.get(model, 0) + 1
        getattr(self, self.ills.get(model, "well"))(peer, model)

    @staticmethod
    def wait_for_end(peer):
        while peer.recv(65536):
            pass

    def drip_out(self, peer, content):
        for each in content:
            peer.sendall(bytes([each]))
            time.sleep(1)  # it is the fault that is played, not a wait of the test

    # ---- what a model may do ----

    def well(self, peer, model):
        peer.sendall(HEAD + line(model, "All "))
        time.sleep(0.02)  # work takes time, or nothing is paid for it
        peer.sendall(line(model, "is well.") + last(model))

    def hang(self, peer, model):
        self.wait_for_end(peer)

    def silent(self, peer, model):
        peer.sendall(HEAD + line(model, "Well"))
        self.wait_for_end(peer)

    def drip_head(self, peer, model):
        self.drip_out(peer, HEAD + line(model, "Well") + last(model))

    def drip_body(self, peer, model):
        peer.sendall(HEAD)
        self.drip_out(peer, line(model, "Well" * 1000) + last(model))

    def cut(self, peer, model):
        peer.sendall(HEAD + line(model, "Well") + b'{"model": "')

    def reset(self, peer, model):
        peer.sendall(HEAD + line(model, "Well"))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def fail(self, peer, model):
        peer.sendall(answer(500, b'{"error": "CUDA error: out of memory"}'))

    def locked(self, peer, model):
        peer.sendall(answer(401, b"who are you?", "text/plain"))

    def moved(self, peer, model):
        peer.sendall(answer(302, b"", extra="Location: http://127.0.0.1:1/\r\n"))

    def html(self, peer, model):
        peer.sendall(answer(200, b"<html><body>Welcome to nginx!</body></html>\n", "text/html"))

    def broken(self, peer, model):
        peer.sendall(HEAD + line(model, "Well") + b'{"model": ,,,}\n')

    def bad_text(self, peer, model):
        peer.sendall(HEAD + b'{"model": "' + model.encode() + b'", "response": "\xff\xfe"}\n')

    def no_http(self, peer, model):
        peer.sendall(b"220 smtp.example.org ESMTP\r\n" * 20)

    def huge(self, peer, model):
        peer.sendall(HEAD + b'{"response": "')
        for _ in range(256):
            peer.sendall(b"x" * 65536)

    def endless(self, peer, model):
        peer.sendall(HEAD)
        while True:
            peer.sendall(line(model, "and on ") * 1000)

    def other_model(self, peer, model):
        peer.sendall(HEAD + line("tinier", "Well") + last("tinier"))

    def negative(self, peer, model):
        peer.sendall(HEAD + line(model, "Well") + last(model, eval_count=-5))
