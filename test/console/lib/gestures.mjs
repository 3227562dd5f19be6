// SPDX-License-Identifier: LGPL-2.1-or-later
/** What a person does with the console, by the names that a screen reader tells. */

import { patience_ms } from './stage.mjs';

export async function goTo(page, title) {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
}

export async function press(within, name) {
  await within.getByRole('button', { name, exact: true }).click();
}

/** The open dialog of that title. */
export async function dialog(page, title) {
  const box = page.getByRole('dialog', { name: title, exact: true });
  await box.waitFor();
  return box;
}

/** The row of table 'label' that 'name' heads. */
export function row(page, label, name) {
  return page.getByRole('table', { name: label, exact: true })
    .getByRole('row').filter({ has: page.getByRole('rowheader').filter({ hasText: name }) });
}

/** Chooses 'deed' from the menu of 'subject'. */
export async function order(page, subject, deed) {
  await press(page, `Actions for ${subject}`);
  await page.getByRole('menuitem', { name: deed, exact: true }).click();
}

/** Until 'text' is said at the edge of the screen. */
export async function told(page, text) {
  await page.getByRole('status', { name: 'Messages' }).getByText(text).first().waitFor();
}

/** Until 'locator' has the label of a state, word for word. */
export async function stands(locator, state) {
  await locator.getByText(state, { exact: true }).first().waitFor();
}

/** Until 'locator' shows 'text' somewhere. */
export async function shows(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

/** Until there are 'count' of them. */
export async function counts(locator, count) {
  const end = Date.now() + patience_ms;
  for (;;) {
    const have = await locator.count();
    if (have === count) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`${have} of ${locator}, not ${count}`);
    }
    await locator.page().waitForTimeout(50);
  }
}

export function must(condition, sentence) {
  if (!condition) {
    throw new Error(sentence);
  }
}

/** Until the field is marked as wrong and described by 'text'. */
export async function faulty(field, text) {
  const page = field.page();
  const end = Date.now() + patience_ms;
  for (;;) {
    const isMarked = (await field.getAttribute('aria-invalid')) === 'true';
    const described = await field.getAttribute('aria-describedby');
    const said = described && (await page.locator(`[id="${described}"]`).textContent());
    if (isMarked && said && (text instanceof RegExp ? text.test(said) : said.includes(text))) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`${field} is ${isMarked ? '' : 'not '}marked as wrong and described by "${said}", not "${text}"`);
    }
    await page.waitForTimeout(50);
  }
}

/** Until what is typed goes into 'field'. */
export async function holdsKeyboard(field) {
  await field.page().waitForFunction((element) => document.activeElement === element, await field.elementHandle());
}

/** What the settings of a VM fold away, shown or hidden. */
export async function fold(settings) {
  await settings.getByText('Start order, affinity, restarts, guest watch, memory-mapped IO').click();
}
