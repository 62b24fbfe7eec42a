"""Word lists of the invented municipality: Dutch-looking, with the letters that real dumps stumble over.

Nobody and no street here exists. Surnames never begin with a word that is itself a voorvoegsel: a column that holds
both could then not be taken apart.
"""

from __future__ import annotations

from typing import Final

# A code of Landelijke Tabel 33 that never was a municipality (Buitenland, closed in 1990): no real BAG object carries
# it, and its leading zero gets lost in applications like that of so many real ones.
GEMEENTE: Final = "0998"
ELSEWHERE: Final = "1299"  # never issued: the neighbour to which people move
RNI: Final = "1999"
WOONPLAATSEN: Final = (("9801", "Grootezijl"), ("9802", "'s-Heerenwaard"), ("9803", "Oud-Kerkewijk"))

# Given name and the letter that stands for it (IJsbrand gives I: GFO Basisgegevens 02.11).
MALE: Final = (
    ("Aldert", "A"), ("Bavo", "B"), ("Corstiaan", "C"), ("Diederik", "D"), ("Evert-Jan", "E"), ("Florentijn", "F"),
    ("Gijsbert", "G"), ("Hessel", "H"), ("IJsbrand", "I"), ("Joël", "J"), ("Koenraad", "K"), ("Lieuwe", "L"),
    ("Mattheüs", "M"), ("Niklaas", "N"), ("Otmar", "O"), ("Pelgrim", "P"), ("Quinten", "Q"), ("René", "R"),
    ("Siebrand", "S"), ("Tjeerd", "T"), ("Ubbo", "U"), ("Volkert", "V"), ("Wieger", "W"), ("Youssef", "Y"),
    ("Stanisław", "S"), ("Gökhan", "G"), ("François", "F"), ("Zdeněk", "Z"),
)  # fmt: skip
FEMALE: Final = (
    ("Aleida", "A"), ("Beatrijs", "B"), ("Cecilia", "C"), ("Dieuwertje", "D"), ("Eloïse", "E"), ("Froukje", "F"),
    ("Geertruida", "G"), ("Hadewych", "H"), ("IJsbrechtje", "I"), ("Josephina", "J"), ("Katelijne", "K"),
    ("Leonoor", "L"), ("Maaike", "M"), ("Noëlle", "N"), ("Ottilie", "O"), ("Petronella", "P"), ("Renée", "R"),
    ("Sjoukje", "S"), ("Theodora", "T"), ("Ursula", "U"), ("Vera-Lynn", "V"), ("Wilhelmina", "W"), ("Yara", "Y"),
    ("Zoë", "Z"), ("Ayşe", "A"), ("Bożena", "B"), ("Chloë", "C"), ("Małgorzata", "M"),
)  # fmt: skip

# Voorvoegsel (empty: none) and surname.
SURNAMES: Final = (
    ("", "Akkerzand"), ("van den", "Berkendijk"), ("", "Bloemketel"), ("de", "Boterkooper"), ("van der", "Duinwijck"),
    ("", "Dijkgraver"), ("", "Eikelhof"), ("van", "Eksterlaar"), ("", "Fonteijn"), ("van 't", "Geestland"),
    ("", "Grauwzwaan"), ("ter", "Haarsloot"), ("", "Heideveld"), ("van de", "Hoekenburg"), ("", "IJzerhamer"),
    ("", "Jonkerbosch"), ("de", "Kaarsemaeker"), ("", "Kettelerij"), ("", "Korenwolf"), ("van", "Lisselaer"),
    ("", "Löwenstijn"), ("", "Maanschijn"), ("den", "Mosselaar"), ("", "Müllerdam"), ("", "Netelbeek"),
    ("van den", "Oeverkamp"), ("", "Paardekraal"), ("", "Pijlstaart"), ("", "Quackelaer"), ("de", "Ruyterkoop"),
    ("", "Rijswaarder"), ("in 't", "Schuttersveld"), ("", "Smeêdeman"), ("", "Spinnekop"), ("", "Tjalkema"),
    ("ten", "Uilenbroek"), ("", "Veldmuizer"), ("van der", "Vossenschans"), ("", "Wagenmans"), ("", "Weilanda"),
    ("", "Zandloper"), ("op den", "Zijlmuur"), ("", "Zonneveldt"), ("", "Zwartekraai"), ("", "Benaïssani"),
    ("", "Çelikbaş"), ("", "Kowalczewski"), ("", "Wałeniak"), ("", "Yıldızhan"), ("", "Françoisse"),
    ("", "Žižkovar"), ("van", "Meeûwen"), ("", "Appelschil"), ("", "Berenklaauw"), ("", "Ganzeveder"),
    ("de", "Lange-Winter"), ("", "Hofstede-Kring"), ("", "O'Lannigan"), ("", "Naaldwijkster"), ("van", "Rozenhage"),
)  # fmt: skip

STREET_HEADS: Final = (
    "Abeel", "Akelei", "Anjelier", "Boekweit", "Braam", "Brem", "Distel", "Dotter", "Duizendblad", "Eikvaren",
    "Ereprijs", "Gagel", "Gentiaan", "Haver", "Hop", "Iris", "Jasmijn", "Kamperfoelie", "Klaver", "Klokjes", "Lavendel",
    "Lelie", "Lisdodde", "Look", "Lupine", "Maïs", "Malve", "Margriet", "Mierik", "Munt", "Narcis", "Oregano",
    "Papaver", "Pimpernel", "Raket", "Reseda", "Salie", "Sering", "Sleutelbloem", "Tijm", "Tormentil", "Valeriaan",
    "Venkel", "Vlier", "Walstro", "Wederik", "Wikke", "Zegge", "Zuring", "Zwanebloem",
)  # fmt: skip
STREET_TAILS: Final = (
    "straat", "laan", "weg", "plein", "hof", "kade", "pad", "singel", "dreef", "gracht", "steeg", "akker",
)  # fmt: skip
ORDINALS: Final = (
    "",
    "Eerste ",
    "Tweede ",
    "Derde ",
    "Vierde ",
    "Vijfde ",
    "Zesde ",
    "Zevende ",
    "Achtste ",
    "Negende ",
)

# Official name and the short form of at most 24 characters (NEN 5825) that stands in Straatnaam.
LONG_STREETS: Final = (
    ("Burgemeester van Zonnekemlaan", "Burg v Zonnekemlaan"),
    ("Coöperatieve Zuivelfabriekstraat", "Coöp Zuivelfabriekstr"),
    ("Zuster Angélique de Meeûwenplein", "Zr A de Meeûwenplein"),
    ("Knaap Joris' Oude Molenpad", "Knaap Joris' Molenpad"),
    ("Professor Çelebi-Löwensteinsingel", "Prof Ç-Löwensteinsingel"),
)

TRADES: Final = (
    "Bakkerij", "Garage", "Kapsalon", "Adviesbureau", "Loodgietersbedrijf", "Boekhandel", "Fietsenmaker", "Slagerij",
    "Schildersbedrijf", "Café", "Crèche", "Hoveniersbedrijf", "Kwekerij", "Meubelmakerij", "Drukkerij", "Pâtisserie",
)  # fmt: skip
SOCIETIES: Final = ("Muziekvereniging", "Stichting Vrienden van", "Speeltuinvereniging", "Stichting Steunfonds")
ACTIVITIES: Final = (
    "1071",
    "01131",
    "4711",
    "45204",
    "56101",
    "6201",
    "70221",
    "9602",
    "96021",
    "47761",
    "8559",
    "0161",
)
DOCUMENTS: Final = ("OMG", "BES", "PVB")
