"""Writes the tables of the examples again, the same bytes each time: python examples/tables.py."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def write(name: str, frame: pd.DataFrame) -> None:
    """Write examples/<name>/table.csv."""
    (HERE / name).mkdir(exist_ok=True)
    frame.to_csv(HERE / name / "table.csv", index=False, lineterminator="\n")


def gaps(rng: np.random.Generator, column: pd.Series, share: float) -> pd.Series:
    """Return the column with a share of its values left out."""
    return column.mask(rng.random(len(column)) < share)


def mixed(rng: np.random.Generator) -> pd.DataFrame:
    """Birds of three species: numbers, categories and gaps."""
    rows = 360
    species = rng.choice(["gull", "puffin", "tern"], rows, p=[0.4, 0.25, 0.35])
    of = {"gull": (52, 1050, 430), "puffin": (45, 480, 170), "tern": (37, 130, 270)}
    bill, mass, wing = (np.array([of[name][place] for name in species]) for place in range(3))
    frame = pd.DataFrame(
        {
            "bill_mm": (bill + rng.normal(0, 4, rows)).round(1),
            "wing_mm": (wing + rng.normal(0, 45, rows)).round(),
            "mass_g": (mass * rng.lognormal(0, 0.25, rows)).round(),
            "island": np.where(rng.random(rows) < 0.7, np.char.add("north of ", species), "Rathlin"),
            "sex": rng.choice(["female", "male"], rows),
            "ringed": rng.choice(["yes", "no"], rows, p=[0.2, 0.8]),
            "species": species,
        }
    )
    frame["island"] = frame["island"].replace(
        {"north of gull": "Texel", "north of puffin": "Skomer", "north of tern": "Inner Farne"}
    )
    for column, share in {"bill_mm": 0.04, "mass_g": 0.08, "sex": 0.1}.items():
        frame[column] = gaps(rng, frame[column], share)
    return frame


def yes_no(rng: np.random.Generator) -> pd.DataFrame:
    """Contracts that are renewed or not: the answer is a word. `make demo` uses it too."""
    rows = 2000
    months, price = rng.integers(1, 60, rows), rng.normal(40, 12, rows).round(2)
    plan, calls = rng.choice(["basic", "family", "pro"], rows), rng.poisson(1.2, rows)
    score = (
        0.05 * months - 0.06 * (price - 40) - 0.9 * calls + np.where(plan == "pro", 1.2, 0) + rng.logistic(0, 0.7, rows)
    )
    renewed = np.where(score > 0.4, "yes", "no")
    return pd.DataFrame({"months": months, "price": price, "plan": plan, "calls": calls, "renewed": renewed})


def imbalanced(rng: np.random.Generator) -> pd.DataFrame:
    """Payments, of which one in twenty is a fraud."""
    rows = 1600
    fraud = (rng.random(rows) < 0.05).astype(int)
    amount = rng.lognormal(3 + 1.1 * fraud, 0.8, rows).round(2)
    hour = np.where(fraud, rng.integers(0, 7, rows), rng.integers(6, 24, rows))
    country = np.where(rng.random(rows) < 0.75 - 0.45 * fraud, "home", rng.choice(["near", "far"], rows))
    return pd.DataFrame({"amount": amount, "hour": hour, "country": country, "fraud": fraud})


def with_gaps(rng: np.random.Generator) -> pd.DataFrame:
    """Flats and their rent: a linear model, and gaps in the numbers."""
    rows = 400
    area, rooms = rng.normal(70, 22, rows).clip(18).round(), rng.integers(1, 6, rows)
    year, balcony = rng.integers(1900, 2024, rows), rng.choice([True, False], rows)
    rent = 250 + 9.5 * area + 35 * rooms + 1.2 * (year - 1900) + 60 * balcony + rng.normal(0, 60, rows)
    frame = pd.DataFrame({"area": area, "rooms": rooms, "year": year, "balcony": balcony, "rent": rent.round()})
    for column, share in {"area": 0.05, "rooms": 0.12, "year": 0.2}.items():
        frame[column] = gaps(rng, frame[column].astype(float), share)
    return frame


def grouped(rng: np.random.Generator) -> pd.DataFrame:
    """Patients with several visits each: rows of one person look alike."""
    people, visits = 90, 6
    base = pd.DataFrame(
        {
            "person": np.arange(people) + 1000,
            "age": rng.integers(20, 80, people),
            "height": rng.normal(170, 9, people).round(),
            "resting": rng.normal(70, 8, people),
        }
    )
    frame = base.loc[base.index.repeat(visits)].reset_index(drop=True)
    frame["visit"] = frame.groupby("person").cumcount() + 1
    frame["pulse"] = (frame["resting"] + rng.normal(0, 3, len(frame))).round()
    risk = 0.06 * (frame["age"] - 50) + 0.12 * (frame["resting"] - 70)
    frame["treated"] = np.where(risk + np.repeat(rng.logistic(0, 0.6, people), visits) > 0, "yes", "no")
    return frame.drop(columns="resting")


def ordered(rng: np.random.Generator) -> pd.DataFrame:
    """Passengers by month: the future has to be predicted from the past."""
    month = pd.date_range("2008-01-01", periods=192, freq="MS")
    season = 30 * np.sin(2 * np.pi * (month.month - 4) / 12)
    passengers = 120 + 1.1 * np.arange(192) + season + rng.normal(0, 9, 192)
    return pd.DataFrame({"month": month.strftime("%Y-%m-%d"), "passengers": passengers.round().astype(int)})


def text(rng: np.random.Generator) -> pd.DataFrame:
    """Comments of guests: free text."""
    good = "friendly clean quiet delicious warm helpful bright perfect generous calm".split()
    bad = "noisy dirty cold rude broken late stale expensive dark slow".split()
    nouns = "room breakfast staff view bed shower lift lobby garden parking".split()
    filler = "the our a this very really quite always and but with again".split()
    rows, comments, ratings = 420, [], []
    for happy in rng.random(rows) < 0.5:
        length = rng.integers(6, 14)
        words = [str(rng.choice(filler if rng.random() < 0.5 else nouns)) for _ in range(length)]
        tone = good if happy else bad
        for place in rng.choice(length, 3, replace=False):
            words[place] = str(rng.choice(tone if rng.random() < 0.85 else good + bad))
        comments.append(" ".join(words))
        ratings.append("good" if happy else "bad")
    return pd.DataFrame({"comment": comments, "nights": rng.integers(1, 9, rows), "rating": ratings})


def dialect(rng: np.random.Generator) -> None:
    """Write measurements as a German spreadsheet saves them: semicolons, decimal commas, latin-1; and compressed."""
    rows = 300
    place = rng.choice(["Köln", "Münster", "Zürich"], rows)
    temperature = np.where(place == "Zürich", 16, 21) + rng.normal(0, 3, rows)
    humidity = 60 + rng.normal(0, 10, rows) - (temperature - 20)
    wear = 2 + 0.4 * temperature - 0.05 * humidity + rng.normal(0, 0.6, rows)
    columns = {
        "Ort": place,
        "Temperatur": temperature.round(1),
        "Feuchte": humidity.round(1),
        "Verschleiß": wear.round(2),
    }
    body = pd.DataFrame(columns).to_csv(index=False, sep=";", decimal=",", lineterminator="\n")
    (HERE / "dialect").mkdir(exist_ok=True)
    head = "# Messungen; Prüfstand 3\n"
    (HERE / "dialect/table.csv.gz").write_bytes(gzip.compress((head + body).encode("latin-1"), mtime=0))


def wide(rng: np.random.Generator) -> pd.DataFrame:
    """Spectra: more columns than rows."""
    rows, columns = 120, 200
    kind = rng.choice(["oak", "pine"], rows)
    spectra = rng.normal(0, 1, (rows, columns))
    spectra[:, 40:60] += np.where(kind == "oak", 0.9, 0)[:, None]
    frame = pd.DataFrame(spectra.round(1), columns=[f"nm_{900 + 5 * number}" for number in range(columns)])
    return frame.assign(wood=kind)


def transformer(rng: np.random.Generator) -> pd.DataFrame:
    """Loans: what counts is a ratio of two columns."""
    rows = 500
    income, debt = rng.lognormal(10, 0.5, rows).round(), rng.lognormal(9, 0.8, rows).round()
    paid = np.where(np.log(income / debt) + rng.logistic(0, 0.25, rows) > 0.8, "paid", "late")
    return pd.DataFrame({"income": income, "debt": debt, "region": rng.choice(["east", "west"], rows), "outcome": paid})


def boosted(rng: np.random.Generator) -> pd.DataFrame:
    """Machines and their state: labels that are words, and gaps."""
    rows = 500
    hours, heat = rng.uniform(0, 4000, rows).round(), rng.normal(60, 15, rows).round(1)
    maker = rng.choice(["Abel", "Borg", "Curie"], rows)
    worn = hours / 1000 + (heat - 60) / 12 + np.where(maker == "Borg", 1, 0) + rng.normal(0, 0.5, rows)
    state = np.select([worn > 4, worn > 2.2], ["broken", "worn"], "fine")
    frame = pd.DataFrame({"hours": hours, "heat": heat, "maker": maker, "state": state})
    frame["heat"] = gaps(rng, frame["heat"], 0.07)
    return frame


def categories(rng: np.random.Generator) -> pd.DataFrame:
    """Parcels and their days on the way: a category with many rare values."""
    rows = 700
    town = np.char.add("town ", rng.zipf(1.6, rows).clip(1, 80).astype(str))
    weight, express = rng.lognormal(0.5, 0.7, rows).round(2), rng.choice(["yes", "no"], rows, p=[0.3, 0.7])
    days = 2 + np.log1p(weight) + np.where(express == "yes", -1.5, 1) + rng.normal(0, 0.4, rows)
    return pd.DataFrame({"town": town, "weight": weight, "express": express, "days": days.clip(0.2).round(1)})


def tuned(rng: np.random.Generator) -> pd.DataFrame:
    """Soil in a river bend: patches of clay and sand, which only the right width of a kernel can tell apart."""
    rows = 500
    east, north = rng.uniform(-3, 3, rows).round(3), rng.uniform(-3, 3, rows).round(3)
    patch = np.sin(2 * east) * np.cos(2 * north) + rng.normal(0, 0.05, rows)
    return pd.DataFrame({"east": east, "north": north, "soil": np.where(patch > 0, "clay", "sand")})


def main() -> None:
    """Write all tables."""
    for number, table in enumerate(
        (mixed, yes_no, imbalanced, with_gaps, grouped, ordered, text, wide, transformer, boosted, categories, tuned)
    ):
        write(table.__name__, table(np.random.default_rng(number)))
    dialect(np.random.default_rng(99))


if __name__ == "__main__":
    main()
