/**
 * Ways to take a front-end from those who use it properly. Each goes on until it is stopped, and counts what it did. They
 * are made of few processes' worth of work on purpose: what is looked for is a bound that is missing, not which machine
 * is the faster one.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Assault {
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  /** How it is, once it has begun; it ends when `signal` is aborted. */
  run(port: number, signal: AbortSignal, count: () => void): Promise<void>;
}

/** Below what a process may usually open, and what a front-end takes. */
const slowSockets = 15_000;
const body = '{"name":"Anvil","quantity":1}';
const host = "Host: fuzz\r\nContent-Type: application/json\r\n";

/** Resolves when it is over, for whatever reason. */
function dial(port: number, open: Set<Socket>, greet: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    open.add(socket);
    socket.once("connect", () => greet(socket));
    socket.on("error", () => undefined);
    socket.resume();
    socket.once("close", () => {
      open.delete(socket);
      resolve();
    });
  });
}

/** `lanes` at once, each again and again, at most so many times a second together. */
async function again(
  lanes: number,
  perSecond: number,
  signal: AbortSignal,
  act: (number: number) => Promise<void>,
): Promise<void> {
  let number = 0;
  const lane = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = sleep((1_000 * lanes) / perSecond);
      await act(number++);
      await next;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Sockets that say nothing, or a byte a second of a head that never ends; those that are hung up on come back. */
function slow(name: string, says: string): Assault {
  return {
    name,
    unit: "sockets",
    run: async (port, signal, count) => {
      const open = new Set<Socket>();
      const drip = setInterval(() => {
        if (says === "") return;
        for (const socket of open) if (socket.writable) socket.write("x");
      }, 1_000);
      try {
        while (!signal.aborted) {
          // Not all at once: that would be another assault.
          for (let i = 0; i < 100 && open.size < slowSockets; i++) {
            count();
            void dial(port, open, (socket) => socket.write(says));
          }
          await sleep(50);
        }
      } finally {
        clearInterval(drip);
        for (const socket of open) socket.destroy();
      }
    },
  };
}

/** One connection each, which sends all of this and waits to be hung up on. */
function bombs(name: string, unit: string, lanes: number, perSecond: number, bytes: () => string): Assault {
  return {
    name,
    unit,
    run: async (port, signal, count) => {
      const open = new Set<Socket>();
      const over = (): void => {
        for (const socket of open) socket.destroy();
      };
      signal.addEventListener("abort", over);
      await again(lanes, perSecond, signal, async () => {
        count();
        await dial(port, open, (socket) => socket.end(bytes()));
      });
    },
  };
}

let keys = 0;

function ordersUnder(key: (number: number) => string): string {
  const one = (): string =>
    `POST /orders HTTP/1.1\r\n${host}Idempotency-Key: ${key(keys++)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  return Array.from({ length: 20 }, one).join("");
}

const mebibyte = 1024 * 1024;
const manyHeaders = Array.from({ length: 4_000 }, (_, i) => `X-${i}: bomb\r\n`).join("");
const spaces = " ".repeat(4 * mebibyte + 1);
const nested = `${"[".repeat(2 * mebibyte)}${"]".repeat(2 * mebibyte - 1)}`;
const post = (length: number): string => `POST /orders HTTP/1.1\r\n${host}Content-Length: ${length}\r\n\r\n`;

export const assaults: readonly Assault[] = [
  slow("silent sockets", ""),
  slow("slow sockets", "GET /wares HTTP/1.1\r\nX: "),
  bombs("header bombs", "connections", 8, 100, () => `GET / HTTP/1.1\r\n${manyHeaders}\r\n`),
  bombs("body bombs", "connections", 2, 4, () => post(spaces.length) + spaces),
  bombs("nested bodies", "connections", 1, 1, () => post(nested.length) + nested),
  bombs("key flood", "connections of 20 orders", 2, 20, () => ordersUnder((n) => `flood-${n}`)),
  bombs("keys of one prefix", "connections of 20 orders", 2, 20, () =>
    ordersUnder((n) => `${"p".repeat(240)}${n}`),
  ),
  bombs("connection churn", "connections", 8, 400, () => ""),
];
