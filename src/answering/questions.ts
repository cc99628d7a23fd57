/**
 * Answers questions, each at a state that is fresh enough for it: what an order replica and a catalog have in common,
 * whatever they find their rows in.
 */
import { unreachable } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import type { Position } from "../base/units.ts";
import type { Answered, Inquiry, Question } from "../wire/service.ts";
import type { Page } from "./pages.ts";

/** Where answers go. */
export interface Asker {
  answer(answered: Answered): void;
}

export interface AnsweringHost {
  readonly applied: {
    /** Of the state that is answered from. */
    readonly position: Position;
    /** See `PositionWaiters.whenPosition`. */
    whenPosition(position: Position): Promise<void>;
  };
  /** Resolves when the state has all that anyone was told before the call; rejects if that cannot be known. */
  readPoint(): Promise<void>;
}

/** What a host's state has to an inquiry, now. Rejects with `OperatingFailure` if it cannot tell. */
export type Find<Host> = (host: Host, inquiry: Inquiry) => Page | Promise<Page>;

/**
 * One frame of questions. Those that want the latest state share one read point. All are refused while there is no
 * market here, because this process has just begun or is being copied: nothing at all is not its last known state.
 */
export function answerEach<Host extends AnsweringHost>(
  host: Host,
  find: Find<Host>,
  asker: Asker,
  questions: readonly Question[],
): void {
  const latest: Question[] = [];
  for (const question of questions) {
    const { freshness } = question;
    switch (freshness.kind) {
      case "stale":
        answer(host, find, asker, question);
        break;
      case "at-least":
        if (freshness.position <= host.applied.position) answer(host, find, asker, question);
        else {
          host.applied
            .whenPosition(freshness.position)
            .then(() => answer(host, find, asker, question), refusal(asker, [question]));
        }
        break;
      case "latest":
        latest.push(question);
        break;
      default:
        unreachable(freshness);
    }
  }
  if (latest.length === 0) return;
  host.readPoint().then(
    () => {
      for (const question of latest) answer(host, find, asker, question);
    },
    refusal(asker, latest),
  );
}

/** What tells the asker of an operating failure. Anything else is a broken invariant, which must end the process. */
function refusal(asker: Asker, questions: readonly Question[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof OperatingFailure)) throw error;
    for (const { ticket } of questions) asker.answer({ kind: "failed", ticket, code: error.code });
  };
}

function answer<Host extends AnsweringHost>(
  host: Host,
  find: Find<Host>,
  asker: Asker,
  question: Question,
): void {
  const { ticket, inquiry } = question;
  const { position } = host.applied;
  // The market's first command founds it.
  if (position === 0) {
    asker.answer({ kind: "failed", ticket, code: "unavailable" });
    return;
  }
  const tell = ({ rows, more }: Page): void => asker.answer({ kind: "rows", ticket, position, more, rows });
  const found = find(host, inquiry);
  if (found instanceof Promise) found.then(tell, refusal(asker, [question]));
  else tell(found);
}
