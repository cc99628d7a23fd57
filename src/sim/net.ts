/**
 * What code of production finds in place of `node:net` while it is simulated: servers and sockets over the simulated
 * network, as far as our own wire uses them.
 */
import { EventEmitter } from "node:events";
import { assert, present } from "../base/assert.ts";
import { ByteReader } from "../base/bytes.ts";
import { helloFrame, readHello } from "../wire/hello.ts";
import { currentMachine } from "./clock.ts";
import type { Machine } from "./machine.ts";
import { type Network, Way } from "./network.ts";

let network: Network | undefined;

export function enterNetwork(entered: Network | undefined): void {
  network = entered;
}

const theNetwork = (): Network => present(network, "a network that is simulated");

/** What the systems of both sides hold for a reader that does not read; what is beyond waits in the process. */
const systemBytes = 256 * 1024;
const frameHeaderBytes = 5;
/** As libuv sets it. */
const keepAliveProbes = 10;
/** The cluster of every process in a simulated world. */
export const simulatedCluster = "simulated";
/** How likely what was written at once is read in two pieces. */
const splitChance = 0.02;

function failure(code: string, message: string): Error {
  return Object.assign(new Error(`${message} ${code}`), { code });
}

export class Socket extends EventEmitter {
  readonly machine: Machine;
  readonly #network: Network;
  readonly #life: number;
  #way: Way;
  #peer: Socket | undefined;
  #bytesUnderWay = 0;
  /** It carries messages of Raft, which need not arrive; unknown before the first write. */
  #raft: boolean | undefined;
  destroyed = false;
  allowHalfOpen = false;

  constructor(machine: Machine, to: Machine) {
    super();
    this.machine = machine;
    this.#network = theNetwork();
    this.#life = machine.life;
    this.#way = new Way(machine, to);
    this.#network.attach(machine, this);
  }

  get writableLength(): number {
    return Math.max(0, this.#bytesUnderWay - systemBytes);
  }

  setNoDelay(): this {
    return this;
  }

  /** The system asks a silent peer's for a sign of life; a machine that knows nothing of the connection says so. */
  setKeepAlive(_on: boolean, everyMs: number): this {
    let unanswered = 0;
    const probe = (): void => {
      this.machine.schedule.after(everyMs, () => {
        if (this.destroyed) return;
        const { from, to } = this.#way;
        const peer = this.#peer;
        const reached = to.hasPower && !this.#network.isCut(from, to) && !this.#network.isCut(to, from);
        if (!reached) unanswered++;
        else if (peer !== undefined && to.life !== peer.#life) return this.#reset();
        else unanswered = 0;
        if (unanswered === keepAliveProbes) this.#here(() => this.#finish(failure("ETIMEDOUT", "read")));
        else probe();
      });
    };
    probe();
    return this;
  }

  isPaused(): boolean {
    return false;
  }

  /** Bytes written before it is connected follow the dial, as they do in Node. */
  write(bytes: Uint8Array): boolean {
    if (this.destroyed) return false;
    const sent = Buffer.from(bytes);
    this.machine.schedule.note(sent.length);
    this.#raft ??= this.#isRaft(sent);
    if (this.#raft && sent[4] !== helloFrame) this.#sendFrames(sent);
    else this.#send(sent);
    return this.writableLength === 0;
  }

  end(bytes?: Uint8Array): this {
    if (bytes !== undefined) this.write(bytes);
    return this.destroy();
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.#finish(error);
    // What the other side had sent and nobody read turns an orderly end into a reset.
    this.#tellPeer(this.machine.schedule.chance(0.2) ? "at once" : undefined);
    return this;
  }

  /** The process has ended. */
  ended(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const { schedule, hasPower } = this.machine;
    // A machine without power says nothing: the other side hears of it when it next sends, and it is up again.
    if (hasPower) this.#tellPeer(schedule.chance(0.3) ? "at once" : undefined);
  }

  /** Dial. The other system takes the connection, also for a process that is stopped. */
  dial(port: number): void {
    this.#network.carry(this.#way, () => {
      const { to } = this.#way;
      if (!to.hasPower) return;
      const server = this.#network.listening.get(port)?.server;
      const back = new Way(to, this.machine);
      if (!(server instanceof Server) || server.isFull) {
        this.#network.carry(back, () => this.#refused(port));
        return;
      }
      const accepted = new Socket(to, this.machine);
      accepted.#peer = this;
      this.#peer = accepted;
      server.accept(accepted);
      this.#network.carry(accepted.#way, () => {
        this.#here(() => this.emit("connect"));
      });
    });
  }

  #refused(port: number): void {
    this.#here(() => this.#finish(failure("ECONNREFUSED", `connect ${port}`)));
  }

  /** It is over for this side, and is told so in a turn of its own. */
  #finish(error: Error | undefined): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#network.detach(this.machine, this);
    const { schedule } = this.machine;
    schedule.for(this.machine, 0, "input", () => {
      if (error !== undefined) this.emit("error", error);
      this.emit("close", error !== undefined);
    });
  }

  #tellPeer(how: "at once" | undefined): void {
    const arrive = (): void => {
      const peer = this.#peer;
      if (peer === undefined) return;
      peer.#here(() => peer.#finish(how === undefined ? undefined : failure("ECONNRESET", "read")));
    };
    // What was written before arrives before, unless the end overtakes it and takes it away.
    if (how === "at once") this.#network.carryAlone(this.#way, arrive);
    else this.#network.carry(this.#way, arrive);
  }

  /** On this socket's machine, in the life that it belongs to. */
  #here(run: () => void): void {
    const { machine } = this;
    if (machine.life !== this.#life || this.destroyed) return;
    machine.schedule.for(machine, 0, "input", () => {
      if (!this.destroyed) run();
    });
  }

  #send(bytes: Buffer): void {
    const { schedule } = this.machine;
    if (bytes.length > 1 && schedule.chance(splitChance)) {
      const at = schedule.between(1, bytes.length - 1);
      this.#sendWhole(bytes.subarray(0, at));
      this.#sendWhole(bytes.subarray(at));
    } else this.#sendWhole(bytes);
  }

  #sendWhole(bytes: Buffer): void {
    this.#bytesUnderWay += bytes.length;
    this.#network.carry(this.#way, () => this.#arrived(bytes));
  }

  #arrived(bytes: Buffer): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const { machine } = peer;
    if (machine.life !== peer.#life) {
      // Nobody has this connection any more: the machine, if it runs, says so.
      if (machine.hasPower) this.#network.carry(peer.#way, () => this.#reset());
      return;
    }
    peer.#here(() => {
      this.#bytesUnderWay -= bytes.length;
      peer.emit("data", bytes);
    });
  }

  #reset(): void {
    this.#here(() => this.#finish(failure("ECONNRESET", "read")));
  }

  #isRaft(bytes: Buffer): boolean {
    if (bytes[4] !== helloFrame) return this.#peer !== undefined && this.#peer.#raft === true;
    const hello = new ByteReader(bytes, frameHeaderBytes, frameHeaderBytes + bytes.readUInt32LE(0));
    return readHello(hello, simulatedCluster).role === "order";
  }

  /** Each frame for itself: dropped, doubled, overtaken. */
  #sendFrames(bytes: Buffer): void {
    const { schedule } = this.machine;
    const { dropChance, doubleChance, overtakeChance, lateMs } = this.#network.weather;
    // Whole, always: nothing that overtakes may come between two pieces.
    if (dropChance + doubleChance + overtakeChance === 0) {
      this.#sendWhole(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const end = at + frameHeaderBytes + bytes.readUInt32LE(at);
      assert(end <= bytes.length, "whole frames are written at once");
      const frame = bytes.subarray(at, end);
      at = end;
      if (schedule.chance(dropChance)) continue;
      if (schedule.chance(doubleChance)) this.#sendAlone(frame, schedule.random() * lateMs);
      if (schedule.chance(overtakeChance)) this.#sendAlone(frame, 0);
      else this.#sendWhole(frame);
    }
  }

  #sendAlone(frame: Buffer, lateMs: number): void {
    this.#bytesUnderWay += frame.length;
    this.#network.carryAlone(this.#way, () => this.#arrived(frame), lateMs);
  }
}

export class Server extends EventEmitter {
  readonly #machine: Machine;
  readonly #network: Network;
  #port = 0;
  #open = 0;
  #closing = false;
  #closed: (() => void) | undefined;
  maxConnections = Number.POSITIVE_INFINITY;

  constructor() {
    super();
    this.#machine = currentMachine();
    this.#network = theNetwork();
  }

  get isFull(): boolean {
    return this.#open >= this.maxConnections;
  }

  listen({ port }: { readonly port: number }, listening?: () => void): this {
    const { schedule } = this.#machine;
    const taken = !this.#network.listen(port, this.#machine, this);
    this.#port = port;
    schedule.for(this.#machine, 0, "input", () => {
      if (taken) this.emit("error", failure("EADDRINUSE", `listen ${port}`));
      else listening?.();
    });
    return this;
  }

  address(): { readonly port: number } {
    return { port: this.#port };
  }

  close(closed?: () => void): this {
    this.#network.unlisten(this.#port, this);
    this.#closed = closed;
    this.#closing = true;
    this.#left();
    return this;
  }

  accept(socket: Socket): void {
    this.#open++;
    socket.once("close", () => {
      this.#open--;
      this.#left();
    });
    const { schedule } = this.#machine;
    schedule.for(this.#machine, 0, "input", () => {
      if (this.#closing) socket.destroy();
      else this.emit("connection", socket);
    });
  }

  /** Closed is a server whose connections have all ended. */
  #left(): void {
    const closed = this.#closed;
    if (!this.#closing || this.#open > 0 || closed === undefined) return;
    this.#closed = undefined;
    this.#machine.schedule.for(this.#machine, 0, "input", closed);
  }
}

export function createServer(): Server {
  return new Server();
}

export function connect({ port }: { readonly port: number }): Socket {
  const machine = currentMachine();
  const to = theNetwork().machineAt(port);
  const socket = new Socket(machine, to);
  socket.dial(port);
  return socket;
}
