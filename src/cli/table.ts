/** Columns of text for a terminal. */

export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Every row has as many cells as there are columns. Ends in a newline. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = columns.map(({ align }, i) => {
      const cell = cells[i] ?? "";
      const width = widths[i] ?? 0;
      return align === "left" ? cell.padEnd(width) : cell.padStart(width);
    });
    return `${padded.join("  ").trimEnd()}\n`;
  };
  return [columns.map(({ title }) => title), ...rows].map(line).join("");
}
