/**
 * Connections between processes, as `src/wire` makes them: frames in order, and lossless while a connection lasts. A cut
 * of the network only delays what is under way; the end of either side may lose it. A dialler (`src/wire/dialer.ts`)
 * keeps one connection to one process, and dials again when it is over.
 */
import { ByteReader, ByteWriter } from "../../../src/base/bytes.ts";
import { Pipe } from "../link.ts";
import { later, type Machine } from "./machine.ts";
import type { MarketWorld } from "./world.ts";

/** What one side does with what comes. */
export interface Events {
  frame(kind: number, body: ByteReader): void;
  closed(): void;
}

/** Takes a connection over, as after its hello (`src/answering/greeting.ts`). */
export type Accept = (dialler: Machine, end: End) => Events;

/** A process that others connect to. */
export interface Listener {
  readonly machine: Machine;
  readonly accept: Accept;
}

type Carried =
  | { readonly kind: "opened" }
  | { readonly kind: "frame"; readonly frame: number; readonly body: Uint8Array }
  | { readonly kind: "closed" };

const scratch = new ByteWriter(4_096);

/** One side of a connection. To whoever sends it is a `Connection` of `src/wire/connection.ts`. */
export class End {
  readonly queuedBytes = 0;
  readonly #world: MarketWorld;
  readonly #machine: Machine;
  readonly #peer: Machine;
  readonly #pipe: Pipe<Carried>;
  #closed = false;
  /** Ends the other direction too. */
  onClose: () => void = () => {};

  constructor(world: MarketWorld, machine: Machine, peer: Machine, arrive: (carried: Carried) => void) {
    this.#world = world;
    this.#machine = machine;
    this.#peer = peer;
    this.#pipe = new Pipe(world, machine.id, peer.id, arrive);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(kind: number, write: (body: ByteWriter) => void): boolean {
    if (this.#closed) return false;
    scratch.reset();
    write(scratch);
    const body = scratch.copy();
    this.#world.onFrame(kind, this.#peer);
    this.#machine.whenAwake(() => {
      if (!this.#closed) this.#pipe.send({ kind: "frame", frame: kind, body });
    });
    return true;
  }

  opened(): void {
    this.#pipe.send({ kind: "opened" });
  }

  /** Of what is under way all or nothing arrives, and then the end. */
  close(_error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#world.scheduler.chance(0.5)) this.#pipe.clear();
    this.#pipe.send({ kind: "closed" });
    this.onClose();
  }

  /** The other side is over. */
  over(): void {
    this.#closed = true;
  }
}

/** Both sides of an established connection; the listener's is made when the news of it arrives. */
function connect(world: MarketWorld, dialler: Machine, listener: Listener, own: (end: End) => Events): End {
  const source = `connection ${world.connections.nextNumber}`;
  const lives = { dialler: dialler.life, listener: listener.machine.life };
  const isAlive = (machine: Machine, life: number) => machine.isRunning && machine.life === life;
  let ownEvents: Events | undefined;
  let peerEvents: Events | undefined;
  const deliver = (carried: Carried, end: End, events: Events | undefined): void => {
    if (carried.kind === "frame" && !end.closed) events?.frame(carried.frame, new ByteReader(carried.body));
    if (carried.kind !== "closed" || end.closed) return;
    end.over();
    events?.closed();
  };
  const ownEnd: End = new End(world, dialler, listener.machine, (carried) => {
    if (!isAlive(listener.machine, lives.listener)) return;
    listener.machine.take(source, () => {
      if (carried.kind === "opened") peerEvents = listener.accept(dialler, peerEnd);
      else deliver(carried, peerEnd, peerEvents);
    });
  });
  const peerEnd: End = new End(world, listener.machine, dialler, (carried) => {
    if (isAlive(dialler, lives.dialler)) dialler.take(source, () => deliver(carried, ownEnd, ownEvents));
  });
  // Whoever closes hears of it himself, as from a socket that he destroyed.
  ownEnd.onClose = () => later0(world, dialler, source, () => ownEvents?.closed());
  peerEnd.onClose = () => later0(world, listener.machine, source, () => peerEvents?.closed());
  world.connections.add({ dialler, listener: listener.machine, ownEnd, peerEnd });
  ownEnd.opened();
  ownEvents = own(ownEnd);
  return ownEnd;
}

function later0(world: MarketWorld, machine: Machine, source: string, turn: () => void): void {
  const { life } = machine;
  world.scheduler.after(0, () => {
    if (machine.isRunning && machine.life === life) machine.take(source, turn);
  });
}

export interface DialerEvents {
  connected(end: End): void;
  frame(kind: number, body: ByteReader): void;
  lost(): void;
  refused(): void;
}

const backoffFirstMs = 10;
const backoffMaxMs = 200;
const dialTimeoutMs = 300;

/** Of one life of its process. */
export class Dialer {
  readonly #world: MarketWorld;
  readonly #machine: Machine & { readonly rate: number };
  readonly #target: Listener;
  readonly #events: DialerEvents;
  #end: End | undefined;
  #backoffMs = backoffFirstMs;
  #closed = false;

  constructor(
    world: MarketWorld,
    machine: Machine & { readonly rate: number },
    target: Listener,
    events: DialerEvents,
  ) {
    this.#world = world;
    this.#machine = machine;
    this.#target = target;
    this.#events = events;
    this.#dialAfter(0);
  }

  send(kind: number, write: (body: ByteWriter) => void): boolean {
    return this.#end?.send(kind, write) === true;
  }

  close(): void {
    this.#closed = true;
    this.#end?.close();
  }

  #dialAfter(ms: number): void {
    later(this.#world.scheduler, this.#machine, ms + this.#world.delayMs(), () => this.#dial());
  }

  #dial(): void {
    if (this.#closed) return;
    const { machine } = this.#target;
    const world = this.#world;
    const cut = world.isCut(this.#machine.id, machine.id) || world.isCut(machine.id, this.#machine.id);
    if (cut) return this.#dialAfter(dialTimeoutMs);
    if (!machine.isRunning || !machine.listens) {
      this.#redial();
      return this.#events.refused();
    }
    this.#end = connect(world, this.#machine, this.#target, (end) => {
      this.#backoffMs = backoffFirstMs;
      return {
        frame: (kind, body) => this.#events.frame(kind, body),
        closed: () => this.#lost(end),
      };
    });
    this.#events.connected(this.#end);
  }

  #redial(): void {
    this.#dialAfter(this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMaxMs);
  }

  #lost(end: End): void {
    if (this.#end !== end) return;
    this.#end = undefined;
    if (this.#closed) return;
    this.#redial();
    this.#events.lost();
  }
}

interface Established {
  readonly dialler: Machine;
  readonly listener: Machine;
  readonly ownEnd: End;
  readonly peerEnd: End;
}

/** All connections of a history, so that they end with their processes, and for no reason. */
export class Connections {
  #all: Established[] = [];
  #lastNumber = 0;

  get nextNumber(): number {
    return ++this.#lastNumber;
  }

  add(connection: Established): void {
    this.#all = this.#all.filter(({ ownEnd, peerEnd }) => !ownEnd.closed || !peerEnd.closed);
    this.#all.push(connection);
  }

  /** The process is gone: its system ends its connections. */
  endOf(machine: Machine): void {
    for (const { dialler, listener, ownEnd, peerEnd } of this.#all) {
      if (dialler === machine) ownEnd.close();
      if (listener === machine) peerEnd.close();
    }
  }

  /** Those that are established, for one to be reset. */
  get open(): readonly Established[] {
    return this.#all.filter(({ ownEnd, peerEnd }) => !ownEnd.closed && !peerEnd.closed);
  }
}
