// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sortable tables that draw a page of their rows at a time. On a phone each row is a card. */
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { compareNames } from '../words';
import { Button } from './button';
import { Icon } from './icon';

export interface Column<T> {
    title: string;
    cell: (row: T) => ComponentChildren;
    sort?: (row: T) => string | number; // without it the column is not sortable
    isHead?: boolean; // names the row
    isActions?: boolean;
}

type Props<T> = {
    label: string;
    rows: T[];
    columns: Column<T>[];
    keyOf: (row: T) => string;
    empty: ComponentChildren;
    selected?: Set<string>;
    onSelect?: (selected: Set<string>) => void;
    pageSize?: number;
    sortFirst?: { column: number; isDown: boolean };
};

function compare(a: string | number, b: string | number): number {
    return typeof a === 'number' && typeof b === 'number' ? a - b : compareNames(String(a), String(b));
}

function sorted<T>(rows: T[], column: Column<T> | undefined, isDown: boolean): T[] {
    const value = column?.sort;
    if (!value) {
        return rows;
    }
    const all = rows.map((row) => ({ row, value: value(row) }));
    all.sort((a, b) => (isDown ? compare(b.value, a.value) : compare(a.value, b.value)));
    return all.map((each) => each.row);
}

function Heading<T>({ column, order, onSort }: { column: Column<T>; order: '' | 'ascending' | 'descending'; onSort: () => void }) {
    if (!column.sort) {
        return (
            <th class={`pf-v6-c-table__th${column.isActions ? ' actions' : ''}`} scope="col" role="columnheader">
                {column.isActions ? <span class="pf-v6-screen-reader">{column.title}</span> : column.title}
            </th>
        );
    }
    return (
        <th class={`pf-v6-c-table__th pf-v6-c-table__sort${order ? ' pf-m-selected' : ''}`} scope="col" role="columnheader"
            {...(order ? { 'aria-sort': order } : {})}>
            <button type="button" class="pf-v6-c-table__button" onClick={onSort}>
                <span class="pf-v6-c-table__button-content">
                    <span class="pf-v6-c-table__text">{column.title}</span>
                    <span class={`sort-sign${order ? '' : ' is-off'}`}><Icon sign={order === 'descending' ? 'down' : 'up'} /></span>
                </span>
            </button>
        </th>
    );
}

function Pager({ from, size, total, onMove, label }: { from: number; size: number; total: number; onMove: (from: number) => void; label: string }) {
    const last = Math.min(from + size, total);
    return (
        <nav class="pager" aria-label={`Pages of ${label}`}>
            <span aria-live="polite">{(from + 1).toLocaleString()}–{last.toLocaleString()} of {total.toLocaleString()}</span>
            <Button kind="secondary" isSmall disabled={from === 0} onClick={() => onMove(Math.max(0, from - size))}>Previous</Button>
            <Button kind="secondary" isSmall disabled={last >= total} onClick={() => onMove(from + size)}>Next</Button>
        </nav>
    );
}

export function Table<T>({ label, rows, columns, keyOf, empty, selected, onSelect, pageSize = 50, sortFirst }: Props<T>) {
    const [sort, setSort] = useState(sortFirst ?? { column: 0, isDown: false });
    const [wantedFrom, setFrom] = useState(0);
    const ordered = useMemo(() => sorted(rows, columns[sort.column], sort.isDown), [rows, sort]);
    const from = wantedFrom < rows.length ? wantedFrom : Math.max(0, Math.floor((rows.length - 1) / pageSize) * pageSize);
    const shown = ordered.slice(from, from + pageSize);
    const pick = (keys: string[], isOn: boolean) => {
        const next = new Set(selected);
        keys.forEach((key) => (isOn ? next.add(key) : next.delete(key)));
        onSelect?.(next);
    };
    if (rows.length === 0) {
        return <p class="empty">{empty}</p>;
    }
    const keys = shown.map(keyOf);
    const areAll = !!selected && keys.every((key) => selected.has(key));
    return (
        <>
            <table class={`pf-v6-c-table pf-m-compact stacked${columns.length > 8 ? ' is-wide' : ''}`} aria-label={label} role="table">
                <thead class="pf-v6-c-table__thead" role="rowgroup">
                    <tr class="pf-v6-c-table__tr" role="row">
                        {selected && (
                            <th class="pf-v6-c-table__th pick" scope="col" role="columnheader">
                                <input type="checkbox" aria-label="Select all rows of this page" checked={areAll}
                                    onChange={(event) => pick(keys, event.currentTarget.checked)} />
                            </th>
                        )}
                        {columns.map((column, i) => (
                            <Heading key={column.title} column={column}
                                order={sort.column !== i ? '' : sort.isDown ? 'descending' : 'ascending'}
                                onSort={() => setSort({ column: i, isDown: sort.column === i && !sort.isDown })} />
                        ))}
                    </tr>
                </thead>
                <tbody class="pf-v6-c-table__tbody" role="rowgroup">
                    {shown.map((row) => {
                        const key = keyOf(row);
                        return (
                            <tr class="pf-v6-c-table__tr" role="row" key={key}>
                                {selected && (
                                    <td class="pf-v6-c-table__td pick" role="cell">
                                        <input type="checkbox" aria-label={`Select ${key}`} checked={selected.has(key)}
                                            onChange={(event) => pick([key], event.currentTarget.checked)} />
                                    </td>
                                )}
                                {columns.map((column) => (column.isHead
                                    ? <th class="pf-v6-c-table__td row-head" role="rowheader" scope="row" key={column.title}>{column.cell(row)}</th>
                                    : (
                                        <td class={`pf-v6-c-table__td${column.isActions ? ' actions' : ''}`} role="cell" key={column.title}
                                            data-label={column.isActions ? undefined : column.title}>
                                            {column.cell(row)}
                                        </td>
                                    )))}
                            </tr>
                        );
                    })}
                </tbody>
            </table>
            {rows.length > pageSize && <Pager label={label} from={from} size={pageSize} total={rows.length} onMove={setFrom} />}
        </>
    );
}
