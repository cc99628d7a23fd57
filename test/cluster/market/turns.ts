/** Turns of an event loop: what is left for the end of one, as microtasks are, is done when the outermost is over. */
export class Turns {
  #depth = 0;
  readonly #endings: (() => void)[] = [];

  run(turn: () => void): void {
    this.#depth++;
    turn();
    if (this.#depth === 1)
      for (let ending = this.#endings.shift(); ending; ending = this.#endings.shift()) ending();
    this.#depth--;
  }

  atEnd(ending: () => void): void {
    this.#endings.push(ending);
  }
}
