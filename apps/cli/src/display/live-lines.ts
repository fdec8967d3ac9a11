// Lines at the end of a terminal that are drawn again in place. What anybody else writes meanwhile goes above them.

/** The part of a stream that is drawn on. */
export interface Screen {
  write(text: string): boolean;
  columns?: number | undefined;
  rows?: number | undefined;
}

type Write = typeof process.stdout.write;

const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";
const eraseDown = "\u001b[J";
const eraseLine = "\u001b[K";

/** Draws lines over the ones it drew before. */
export class LiveLines {
  readonly #screen: Screen;
  readonly #write: (text: string) => boolean;
  #drawn = 0;
  #lines: readonly string[] = [];
  #restore: () => void = () => undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#write = screen.write.bind(screen);
  }

  /** Takes the terminal over until `end`; these streams' own writes are put above the lines. */
  start(...streams: NodeJS.WriteStream[]): void {
    this.#write(hideCursor);
    const leave = (): void => void this.#write(showCursor); // a process that ends in between leaves a cursor
    process.once("exit", leave);
    const restores = streams.map((stream) => this.#divert(stream));
    this.#restore = () => {
      process.off("exit", leave);
      for (const restore of restores) restore();
      this.#write(showCursor);
    };
  }

  /** Draws these lines in the place of the last ones; no line may be wider than the terminal. */
  draw(lines: readonly string[]): void {
    this.#lines = lines;
    const text = lines.map((line) => `${line}${eraseLine}\n`).join("");
    this.#write(`${this.#toTop()}${text}${eraseDown}`);
    this.#drawn = lines.length;
  }

  /** Leaves the lines where they are and gives the terminal back. */
  end(): void {
    this.#restore();
    this.#restore = () => undefined;
    this.#lines = [];
    this.#drawn = 0;
  }

  /** Puts the terminal's writing position at the first line. */
  #toTop(): string {
    return this.#drawn === 0 ? "\r" : `\r\u001b[${this.#drawn}A`;
  }

  /** Lines cannot be drawn over once they have scrolled away, so their number is bounded by the height. */
  get rows(): number {
    return this.#screen.rows ?? 24;
  }

  get columns(): number {
    return this.#screen.columns ?? 80;
  }

  #divert(stream: NodeJS.WriteStream): () => void {
    const own = stream.write;
    const write = own.bind(stream) as (...args: unknown[]) => boolean;
    const above = (...args: unknown[]): boolean => {
      this.#write(`${this.#toTop()}${eraseDown}`);
      this.#drawn = 0;
      const isWritten = write(...args);
      if (!String(args[0]).endsWith("\n")) this.#write("\n");
      this.draw(this.#lines);
      return isWritten;
    };
    stream.write = above as Write;
    return () => {
      stream.write = own;
    };
  }
}
