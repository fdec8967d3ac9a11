// Writes the PDF fixtures: `node test/make-pdf-fixtures.ts`. They are committed, so that tests and people need no PDF
// writer; this is how to make them again. `locked.pdf` opens with the password "sesame" and differs each time (a random key).
import { writeFile } from "node:fs/promises";
import { PDFDocument, type PDFFont, type PDFPage, StandardFonts } from "@cantoo/pdf-lib";

const PAGES = [
  {
    heading: "The Lighthouse Log",
    paragraphs: [
      [
        "In 1821 the keeper of the lighthouse at Tarbat Ness began to",
        "write every lamp, every ship and every storm into one book. Main-",
        "tenance was recorded the same evening, never later.",
      ],
      ["Margaret Finlay inherited the book in 1839. She called it the most", "wonderful thing in the tower."],
    ],
  },
  {
    heading: "What the Log Was For",
    paragraphs: [
      [
        "A terrible gale broke the lantern in 1846. The log told the next",
        "keeper which panes had already been replaced, and she lost no time.",
      ],
    ],
  },
];

function drawPage(page: PDFPage, font: PDFFont, content: (typeof PAGES)[number], pageNumber: number): void {
  page.drawText(content.heading, { x: 60, y: 760, size: 20, font });
  let y = 725;
  for (const paragraph of content.paragraphs) {
    for (const line of paragraph) {
      page.drawText(line, { x: 60, y, size: 11, font });
      y -= 14;
    }
    y -= 10;
  }
  page.drawText(String(pageNumber), { x: 300, y: 40, size: 9, font });
}

async function writePdf(name: string, draw: (pdf: PDFDocument, font: PDFFont) => void, password?: string): Promise<void> {
  const pdf = await PDFDocument.create();
  const at = new Date("2026-01-01T00:00:00Z"); // fixed, so that the files change only when their content does
  pdf.setCreationDate(at);
  pdf.setModificationDate(at);
  draw(pdf, await pdf.embedFont(StandardFonts.TimesRoman));
  if (password) await pdf.encrypt({ userPassword: password, ownerPassword: password });
  await writeFile(new URL(`fixtures/${name}`, import.meta.url), await pdf.save({ useObjectStreams: false }));
}

function drawLog(pdf: PDFDocument, font: PDFFont): void {
  pdf.setTitle("The Lighthouse Log");
  PAGES.forEach((content, index) => {
    drawPage(pdf.addPage([595, 842]), font, content, index + 1);
  });
}

await writePdf("lighthouse.pdf", drawLog);
await writePdf("locked.pdf", drawLog, "sesame");
await writePdf("scanned.pdf", (pdf) => pdf.addPage([595, 842]).drawRectangle({ x: 100, y: 100, width: 300, height: 500 }));
