/** The front-end's connections to the catalogs, which only answer questions. Which of them is asked, inquiries.ts says. */
import { DecodeError } from "../base/bytes.ts";
import type { Hello } from "../wire/hello.ts";
import type { ProcessEvent, ServiceAddress } from "../wire/process.ts";
import { type Answered, readAnswers, serviceFrames } from "../wire/service.ts";
import { Links, type Peer } from "./links.ts";

export interface CatalogsHost {
  nextLink(): number;
  emit(event: ProcessEvent): void;
  /** These links are open now. */
  changed(links: readonly number[]): void;
  answered(link: number, answers: readonly Answered[]): void;
}

export class Catalogs {
  readonly #links: Links<Peer>;

  constructor(addresses: readonly ServiceAddress[], hello: Hello, host: CatalogsHost) {
    const changed = (): void =>
      host.changed(this.#links.peers.map(({ link }) => link).filter((link) => link !== 0));
    this.#links = new Links(
      addresses.map((address) => ({ address, link: 0 })),
      hello,
      {
        nextLink: () => host.nextLink(),
        opened: ({ address }) => {
          host.emit({ kind: "peer-connected", peer: address.name });
          changed();
        },
        frame: ({ link }, kind, body) => {
          if (kind !== serviceFrames.answers) throw new DecodeError(`a frame of kind ${kind} from a catalog`);
          host.answered(link, readAnswers(body));
        },
        closed: ({ address }) => {
          host.emit({ kind: "peer-lost", peer: address.name });
          changed();
        },
      },
    );
  }

  get connected(): number {
    return this.#links.size;
  }

  send(...[link, kind, write]: Parameters<Links<Peer>["send"]>): boolean {
    return this.#links.send(link, kind, write);
  }

  close(): void {
    this.#links.close();
  }
}
