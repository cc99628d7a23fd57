import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { enterWorld } from "./clock.ts";
import { Machine } from "./machine.ts";
import { connect, createServer, enterNetwork, type Socket } from "./net.ts";
import { Network } from "./network.ts";
import { Schedule } from "./schedule.ts";

const port = 7;

class World {
  readonly schedule = new Schedule(1, (_machine, error) => this.schedule.fail(error));
  readonly network = new Network(this.schedule);
  readonly client = new Machine(this.schedule, { name: "client" });
  readonly server = new Machine(this.schedule, { name: "server" });
  readonly told: string[] = [];
  /** The server's end of the connection. */
  accepted: Socket | undefined;
  socket: Socket | undefined;

  constructor() {
    enterWorld(this.schedule);
    enterNetwork(this.network);
    this.network.ports.set(port, this.server);
    this.client.begin();
    this.server.begin();
  }

  listen(): void {
    this.#at(this.server, () => {
      const server = createServer();
      server.on("connection", (socket: Socket) => {
        this.accepted = socket;
        this.#listenTo("server", socket);
      });
      server.listen({ port });
    });
  }

  dial(): void {
    this.#at(this.client, () => {
      this.socket = connect({ port });
      this.socket.on("connect", () => this.told.push("client: connected"));
      this.#listenTo("client", this.socket);
    });
  }

  send(text: string): void {
    this.#at(this.client, () => void this.socket?.write(Buffer.from(text)));
  }

  get received(): string {
    return this.told.flatMap((line) => /^server: data (.*)$/.exec(line)?.[1] ?? []).join("");
  }

  async wait(ms: number): Promise<void> {
    await this.schedule.run(this.schedule.now + ms);
  }

  #listenTo(who: string, socket: Socket): void {
    socket.on("data", (bytes: Buffer) => this.told.push(`${who}: data ${bytes}`));
    socket.on("error", (error: NodeJS.ErrnoException) => this.told.push(`${who}: ${error.code}`));
    socket.on("close", () => this.told.push(`${who}: closed`));
  }

  #at(machine: Machine, run: () => void): void {
    this.schedule.for(machine, 0, "input", run);
  }
}

let world: World;

beforeEach(() => {
  world = new World();
});

afterEach(() => {
  enterWorld(undefined);
  enterNetwork(undefined);
});

describe("a simulated connection", () => {
  test("carries bytes in order", async () => {
    world.listen();
    world.dial();
    for (let i = 0; i < 50; i++) world.send(`${i},`);
    await world.wait(100);
    assert.equal(world.received, Array.from({ length: 50 }, (_, i) => `${i},`).join(""));
    assert.ok(world.told.includes("client: connected"));
  });

  test("is refused where nobody listens", async () => {
    world.dial();
    await world.wait(100);
    assert.deepEqual(world.told, ["client: ECONNREFUSED", "client: closed"]);
  });

  test("is silent while its way is cut, and goes on when that is healed", async () => {
    world.listen();
    world.dial();
    await world.wait(10);
    world.network.cut(world.client, world.server);
    world.send("late");
    await world.wait(5_000);
    assert.equal(world.received, "");
    world.network.heal();
    await world.wait(1_000);
    assert.equal(world.received, "late");
  });

  test("ends for its peer when a process is killed, and tells it nothing when the power is lost", async () => {
    world.listen();
    world.dial();
    await world.wait(10);
    world.server.hasPower = false;
    world.network.ended(world.server);
    world.server.end();
    await world.wait(1_000);
    assert.ok(!world.told.includes("client: closed"), "silence");
    world.server.hasPower = true;
    world.server.begin();
    world.send("is anybody there");
    await world.wait(1_000);
    assert.deepEqual(world.told.slice(-2), ["client: ECONNRESET", "client: closed"]);
    assert.equal(world.received, "");
  });

  test("that is kept alive is over when a machine knows nothing of it any more", async () => {
    world.listen();
    world.dial();
    await world.wait(10);
    world.socket?.setKeepAlive(true, 1_000);
    world.server.hasPower = false;
    world.network.ended(world.server);
    world.server.end();
    await world.wait(2_500);
    assert.ok(!world.told.includes("client: closed"), "silence");
    world.server.hasPower = true;
    await world.wait(2_500);
    assert.ok(world.told.includes("client: closed"));
  });

  test("to a stopped process is made by its system, and what is sent waits for it", async () => {
    world.listen();
    await world.wait(10);
    world.server.pause();
    world.dial();
    world.send("hello");
    await world.wait(1_000);
    assert.deepEqual(world.told, ["client: connected"]);
    world.server.resume();
    await world.wait(10);
    assert.equal(world.received, "hello");
  });

  test("tells a sender how much waits for a reader that does not read", async () => {
    world.listen();
    world.dial();
    await world.wait(10);
    world.server.pause();
    world.send("x".repeat(1_000_000));
    await world.wait(100);
    assert.ok((world.socket?.writableLength ?? 0) > 500_000);
    world.server.resume();
    await world.wait(100);
    assert.equal(world.socket?.writableLength, 0);
  });
});
