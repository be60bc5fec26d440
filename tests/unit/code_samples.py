"""A small file of each language that is read by its grammar, and what is asked of it: words, and the symbol and lines that answer."""

from typing import NamedTuple


class Sample(NamedTuple):
    """A file; `asked` are words of one symbol alone, `symbol` is its path, `first` and `last` are how its lines begin and end."""

    name: str
    content_type: str
    text: str
    asked: str
    symbol: list[str]
    subtype: str
    first: str
    last: str

    @property
    def lines(self) -> list[int]:
        """The first and the last line of the answer."""
        lines = self.text.split("\n")
        begin = next(number for number, line in enumerate(lines) if line.strip() == self.first)
        end = next(number for number, line in enumerate(lines) if number >= begin and line.rstrip() == self.last)
        return [begin + 1, end + 1]


PYTHON = '''"""Reads the tide tables of a harbour."""

from __future__ import annotations

import csv
from pathlib import Path

DEPTH = 4.5


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open() as file:
        return list(csv.DictReader(file))


# The draught is that of the loaded ship.
@functools.cache
def clearance_below_keel(height: float, draught: float) -> float:
    """Return how much water is left."""
    return height + DEPTH - draught


class Harbour:
    """A harbour with its quays."""

    def __init__(self, quays: int) -> None:
        self.quays = quays

    def moor(self, ship: str) -> int:
        return hash(ship) % self.quays
'''

JAVASCRIPT = """import { readFile } from 'node:fs/promises';
import path from 'node:path';

const LIMIT = 12;

/** Splits a route into its legs. */
export function splitRoute(route) {
  return route.split('>').map((leg) => leg.trim());
}

export const fetchWeather = async (harbour) => {
  const answer = await fetch(`/weather/${harbour}`);
  return answer.json();
};

class Beacon {
  blink(times) {
    return '*'.repeat(times);
  }
}

module.exports.soundFoghorn = function (seconds) {
  return 'tuut '.repeat(seconds);
};
"""

TYPESCRIPT = """import { Tide } from "./tide";

export interface Berth {
  length: number;
  lockedUntil?: Date;
}

namespace Fees {
  /** What a ship of so many tons pays. */
  export function pilotage(tons: number): number {
    return tons * 0.07;
  }
}

export abstract class Crane<T> {
  abstract hoist(load: T): void;
}
"""

TSX = """import React from "react";

type Props = { level: number };

export const Gauge = ({ level }: Props) => {
  const colour = level > 5 ? "red" : "green";
  return <div style={{ color: colour }}>{level} metres above datum</div>;
};

export default function Panel() {
  return <Gauge level={3} />;
}
"""

JAVA = """package harbour;

import java.util.List;
import java.util.Map;

/** Keeps the list of ships. */
public class Roster {
    private final Map<String, Integer> tonnage;

    public Roster(Map<String, Integer> tonnage) {
        this.tonnage = tonnage;
    }

    @Deprecated
    public int heaviestVessel(List<String> names) {
        return names.stream().mapToInt(tonnage::get).max().orElse(0);
    }
}

enum Signal { RED, GREEN }
"""

C = """#include <stdio.h>
#include <stdlib.h>

#define FATHOM 1.8288

struct sounding {
    double depth;
    long taken_at;
};

/* Turns fathoms into metres. */
static double fathoms_to_metres(double fathoms)
{
    return fathoms * FATHOM;
}

char *name_of_quay(int number)
{
    char *name = malloc(16);
    snprintf(name, 16, "quay %d", number);
    return name;
}
"""

CPP = """#include <vector>
#include <string>

namespace harbour {

class Buoy {
 public:
  explicit Buoy(int number) : number_(number) {}
  int number() const { return number_; }

 private:
  int number_;
};

// The nearest one wins.
template <typename T>
T nearest(const std::vector<T>& all) {
  return all.front();
}

std::string Buoy::flash_pattern(int seconds) {
  return std::string(seconds, '.');
}

}  // namespace harbour
"""

C_SHARP = """using System;
using System.Collections.Generic;

namespace Harbour
{
    /// <summary>Books the locks.</summary>
    public class LockKeeper
    {
        private readonly Queue<string> waiting = new();

        public void Enqueue(string ship) => waiting.Enqueue(ship);

        public string OpenSluice()
        {
            return waiting.Dequeue();
        }
    }

    public enum Gate { Upper, Lower }
}
"""

GO = """package harbour

import (
	"fmt"
	"time"
)

// Ferry goes to and fro.
type Ferry struct {
	Name  string
	Seats int
}

// NextDeparture says when it leaves the pier.
func (f *Ferry) NextDeparture(now time.Time) time.Time {
	return now.Add(20 * time.Minute)
}

func announce(f Ferry) {
	fmt.Println(f.Name, "is boarding")
}
"""

RUST = """use std::collections::HashMap;
use std::fmt;

/// A lighthouse and its character.
#[derive(Debug, Clone)]
pub struct Lighthouse {
    pub period: f64,
}

impl Lighthouse {
    /// Seconds of darkness in each period.
    pub fn eclipse_duration(&self, flash: f64) -> f64 {
        self.period - flash
    }
}

mod radio {
    pub fn mayday(position: &str) -> String {
        format!("MAYDAY {position}")
    }
}
"""

SQL = """-- Ships and where they lie.
CREATE TABLE ship (
  ship_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  flag CHAR(2)
);

CREATE TABLE harbour_dues (
  ship_id INTEGER REFERENCES ship (ship_id),
  paid_in_crowns NUMERIC NOT NULL
);

CREATE VIEW unpaid_ships AS
SELECT name FROM ship WHERE ship_id NOT IN (SELECT ship_id FROM harbour_dues);

INSERT INTO ship (ship_id, name, flag) VALUES (1, 'Freya', 'DK');
"""

SHELL = """#!/bin/bash
set -euo pipefail

FOLDER=/var/log/harbour

# Keeps a week of logs.
rotate_logbook() {
  find "$FOLDER" -name '*.log' -mtime +7 -delete
}

signal_fog() {
  printf 'fog in %s\\n' "$1"
}

rotate_logbook
"""

SAMPLES = (
    Sample(
        "tides.py",
        "text/x-python",
        PYTHON,
        "how much water is left below the keel",
        ["clearance_below_keel"],
        "function",
        "# The draught is that of the loaded ship.",
        "    return height + DEPTH - draught",
    ),
    Sample(
        "route.js",
        "text/javascript",
        JAVASCRIPT,
        "soundFoghorn",
        ["soundFoghorn"],
        "function",
        "module.exports.soundFoghorn = function (seconds) {",
        "};",
    ),
    Sample(
        "fees.ts",
        "text/x-typescript",
        TYPESCRIPT,
        "pilotage",
        ["Fees", "pilotage"],
        "function",
        "/** What a ship of so many tons pays. */",
        "  }",
    ),
    Sample(
        "gauge.tsx",
        "text/x-tsx",
        TSX,
        "metres above datum",
        ["Gauge"],
        "function",
        "export const Gauge = ({ level }: Props) => {",
        "};",
    ),
    Sample(
        "Roster.java",
        "text/x-java",
        JAVA,
        "heaviestVessel",
        ["Roster"],
        "class",
        "/** Keeps the list of ships. */",
        "}",
    ),
    Sample(
        "depth.c",
        "text/x-c",
        C,
        "fathoms into metres",
        ["fathoms_to_metres"],
        "function",
        "/* Turns fathoms into metres. */",
        "}",
    ),
    Sample(
        "buoy.cpp",
        "text/x-c++",
        CPP,
        "flash_pattern",
        ["harbour", "Buoy", "flash_pattern"],
        "function",
        "std::string Buoy::flash_pattern(int seconds) {",
        "}",
    ),
    Sample(
        "Lock.cs",
        "text/x-csharp",
        C_SHARP,
        "OpenSluice",
        ["Harbour", "LockKeeper"],
        "class",
        "/// <summary>Books the locks.</summary>",
        "    }",
    ),
    Sample(
        "ferry.go",
        "text/x-go",
        GO,
        "when it leaves the pier",
        ["Ferry", "NextDeparture"],
        "function",
        "// NextDeparture says when it leaves the pier.",
        "}",
    ),
    Sample(
        "light.rs",
        "text/x-rust",
        RUST,
        "MAYDAY position",
        ["radio", "mayday"],
        "function",
        "pub fn mayday(position: &str) -> String {",
        "    }",
    ),
    Sample(
        "dues.sql",
        "text/x-sql",
        SQL,
        "paid_in_crowns",
        ["harbour_dues"],
        "class",
        "CREATE TABLE harbour_dues (",
        ");",
    ),
    Sample(
        "rotate.sh",
        "text/x-shellscript",
        SHELL,
        "Keeps a week of logs",
        ["rotate_logbook"],
        "function",
        "# Keeps a week of logs.",
        "}",
    ),
)
