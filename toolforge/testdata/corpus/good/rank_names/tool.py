def rank_names(names, top=3):
    places = {}
    for index, name in enumerate(names):
        found = places.setdefault(name, {"name": name, "count": 0})
        found["count"] += 1
        found.setdefault("first", index)
    ranked = sorted(places.values(), key=lambda place: (-place["count"], place["name"]))
    if top < 1:
        raise IndexError("top must be at least 1")
    return ranked[:top]


def show(ranked):
    for place in ranked:
        print(place["name"], place["count"])


if __name__ == "__main__":
    import sys
    show(rank_names(sys.argv[1:]))
