// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is around every page: head, navigation, and the banners that say that the picture may be old. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../api';
import icon from '../icon.svg';
import { connection, useResource } from '../live';
import { Link } from '../router';
import { endSession, session } from '../session';
import { useSource } from '../source';
import { isDark, toggleTheme } from '../theme';
import { timeText } from '../words';
import { openHelp } from '../dialogs/help';
import { Alert } from './alert';
import { Icon, type Sign } from './icon';
import { say } from './toast';

export interface Place {
    path: string;
    title: string;
    sign: Sign;
}

function Head({ isNavOpen, onNav }: { isNavOpen: boolean; onNav: () => void }) {
    const who = useSource(session);
    const dark = useSource(isDark);
    return (
        <header class="masthead">
            <button type="button" class="pf-v6-c-button pf-m-plain nav-toggle" aria-label="Navigation" aria-expanded={isNavOpen}
                aria-controls="navigation" onClick={onNav}>
                <Icon sign="menu" />
            </button>
            <Link to="/" class="brand">
                <img src={icon} alt="" width="28" height="28" />
                <span>Berth</span>
            </Link>
            {who?.cluster && <span class="masthead__cluster">{who.cluster}</span>}
            <span class="masthead__gap" />
            {who && (
                <span class="masthead__who">
                    <span class="masthead__actor">{who.actor}</span> <span class="quiet">{who.role}</span>
                </span>
            )}
            <button type="button" class="pf-v6-c-button pf-m-plain" aria-label={dark ? 'Light theme' : 'Dark theme'}
                title={dark ? 'Light theme' : 'Dark theme'} onClick={toggleTheme}>
                <Icon sign={dark ? 'sun' : 'moon'} />
            </button>
            <button type="button" class="pf-v6-c-button pf-m-plain" aria-label="Help" title="Help" onClick={openHelp}>
                <Icon sign="question" />
            </button>
            <button type="button" class="pf-v6-c-button pf-m-link pf-m-small"
                onClick={() => endSession().catch((error: unknown) => say(messageOf(error), 'danger'))}>
                <span class="pf-v6-c-button__text">Log out</span>
            </button>
        </header>
    );
}

function Navigation({ places, current, isOpen, onGo }: { places: Place[]; current: string; isOpen: boolean; onGo: () => void }) {
    return (
        <nav id="navigation" class={`pf-v6-c-nav sidebar${isOpen ? ' is-open' : ''}`} aria-label="Pages">
            <ul class="pf-v6-c-nav__list" role="list">
                {places.map((place) => (
                    <li class="pf-v6-c-nav__item" key={place.path}>
                        <Link to={place.path} class={`pf-v6-c-nav__link${place.path === current ? ' pf-m-current' : ''}`} onClick={onGo}
                            {...(place.path === current ? { 'aria-current': 'page' as const } : {})}>
                            <span class="pf-v6-c-nav__link-icon"><Icon sign={place.sign} /></span>
                            <span class="pf-v6-c-nav__link-text">{place.title}</span>
                        </Link>
                    </li>
                ))}
            </ul>
        </nav>
    );
}

function Banners() {
    useResource('/v1/cluster'); // something is always read, so that a dead connection is noticed on every page
    const { lostSince, staleSince } = useSource(connection);
    return (
        <div class="banners" aria-live="assertive">
            {lostSince !== null && (
                <Alert kind="warning" title={`Connection lost since ${timeText(lostSince)}: what you see may be old`}>
                    Trying to connect again. What happens meanwhile is caught up on then.
                </Alert>
            )}
            {lostSince === null && staleSince !== null && (
                <Alert kind="warning" title={`The cluster's store has been silent since ${timeText(staleSince)}: what you see may be old`}>
                    Nothing can be changed until it answers. Do a majority of the etcd members run?
                </Alert>
            )}
        </div>
    );
}

type FrameProps = {
    places: Place[];
    current: string; // the one of them that is shown, or that is above what is shown
    path: string;
    title: string;
    above?: Place; // the list that has this thing in it
    children: ComponentChildren;
};

export function Frame({ places, current, path, title, above, children }: FrameProps) {
    const [isNavOpen, setNavOpen] = useState(false);
    const main = useRef<HTMLElement>(null);
    const isFirst = useRef(true);
    useEffect(() => { // a new page: begin at its top, also with the keyboard
        if (!isFirst.current) {
            scrollTo(0, 0);
            main.current?.focus();
        }
        isFirst.current = false;
    }, [path]);
    return (
        <div class="frame">
            <a class="skip" href="#content" onClick={(event) => {
                event.preventDefault();
                main.current?.focus();
            }}>Skip to the content</a>
            <Head isNavOpen={isNavOpen} onNav={() => setNavOpen(!isNavOpen)} />
            <Navigation places={places} current={current} isOpen={isNavOpen} onGo={() => setNavOpen(false)} />
            <main id="content" class="content" tabIndex={-1} ref={main}>
                <Banners />
                {above && <nav class="way-back" aria-label="Way back"><Link to={above.path}>{above.title}</Link></nav>}
                <h1 class="pf-v6-c-title pf-m-2xl page-title">{title}</h1>
                {children}
            </main>
        </div>
    );
}
