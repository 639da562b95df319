"""How natural persons are called (имя физического лица), so that no such name is taken for that of an organisation.

All of it is a rule of thumb (assumption). A name says that it is a person's by a patronymic, by initials beside a
surname, by a given name beside a surname, or by what only a person is (a sole trader, a citizen, a farm's head). What
stands in quotes is what a body is called, and what follows `имени` is whom it is called after: neither is a person.
"""

import re
from collections.abc import Sequence
from typing import Final

_GIVEN: Final = frozenset(
    re.findall(
        r"\S+",
        """
    aleh aleksandr aleksandra aleksei alena alexandr alexey aliaksandr aliaksei alina anastasia anatoly andrei
    andrey anna anton artem artsiom boris daria dmitri dmitry dzmitry ekaterina elena evgeny galina gennady
    grigory hanna igor ihar ilya irina iryna ivan katsiaryna kirill konstantin ksenia larisa leonid lyudmila
    maksim maria marina maxim mikalai mikhail nadezhda natalia natallia nikita nikolai nikolay nina oksana oleg
    olga pavel petr polina pyotr roman ruslan sergei sergey siarhei stanislav stepan svetlana sviatlana tatiana
    tatsiana uladzimir vadim valentina vasily veronika viktor vitaly vladimir vladislav volha vyacheslav
    yaroslav yauheni yulia yuri yury аким аксана ала алег александр александра алексей алена алеся алина алла
    аляксандр аляксей аліна анастасия анастасія анатолий анатоль ангелина ангеліна андрей андрэй анжелика анна
    антаніна антон антонина антось аркадий арсений артем артемий артур арцем ахмед багдан барыс богдан борис
    вадзім вадим валентин валентина валерий валерия валерый валерыя валянцін валянціна варвара василий василиса
    васіль вениамин вера вераніка вероника виктор виктория вильгельм виталий витольд владимир владислав вольга
    всеволод вячаслаў вячеслав віктар вікторыя віталь галина галіна ганна генадзь геннадий георгий георгій
    герман глеб григорий давид давід даниил данила даніла дар'я дарья демьян денис дзмітрый дзяніс диана дина
    дмитрий евгений евгения егор екатерина елена елизавета ефим жана жанна захар зинаида злата змітрок зоя
    зінаіда иван игнат игнатий игорь ильдар илья инна иосиф ирина казимир казімір канстанцін карина карл карына
    кацярына кира кирилл климент константин кристина крысціна ксения ксенія кузьма кірыл лаврентий лариса
    ларыса леанід леонид лидия лилия лука любовь любоў людмила людміла лідзія лізавета лілія макар максим
    максім марат маргарита маргарыта марина мария марк марта марына марыя марьян матвей мацвей милана михаил
    мухаммед мікалай мікола мікіта міхаіл надежда надзея назар наталия наталля наталья наум никита николай нина
    ніна оксана олег олеся ольга остап павел паліна петр платон полина потап прохор пятро піліп раиса раман
    расціслаў раіса регина римма ринат родион роман рональд ростислав руслан рустам рыгор рыма савелий саид
    светлана святаслаў святлана святослав севастьян семен сергей снежана сняжана соф'я софия софья станислав
    станіслаў степан сцяпан сямен сяргей таисия тамара тарас татьяна таццяна тимофей тимур уладзімір уладзіслаў
    ульяна фаина федар федор филипп цімафей эдуард юлия юлія юрий юрый ягор язэп якаў яков якуб яна янина янка
    яніна яраслаў ярослав яўген яўгенія іван ігар ігнат ілья іна ірына
    """,
    )
)
"""Given names in full, in Russian, in Belarusian and as passports spell them; ё is е."""
_PATRONYMIC = "(?:ович|евич|ьич|овна|евна|ична|авіч|евіч|овіч|аўна|еўна|оўна|ічна|[oea]vich|[oea]vna|ichna|[ae]una)"
_WORD = r"[^\W\d_](?:[^\W\d_]|['’ʼ-])*"
_INITIAL = r"[^\W\d_]\."
_LIKE_A_SURNAME: Final = re.compile(
    r".+(?:[оеё]ва?|[иыі]на?|[сц]к(?:ий|ая|ой|і)|енк[оа]|[ую]к|[иі]ч|ко|[аоеё]ў"
    r"|[oe]va?|ina?|sk(?:i|y|iy|aya)|enk[oa]|uk|ich|[ao]u)",
    re.IGNORECASE,
)
_BODIES: Final = frozenset(
    re.findall(
        r"\S+",
        """
    агентство агро ателье аптека банк бюро газета гимназия гостиница группа групп дом завод издательство
    институт инвест кафе клиника клуб колледж комбинат компания концерн корпорация кооператив лаборатория лицей
    магазин медиа музей общество организация отель паркинг плюс предприятие проект радио редакция ресторан
    салон санаторий сервис сити совхоз софт союз станция строй студия тату театр телеком тех технологии
    типография товарищество торг трейд трест тур университет управление учреждение фабрика фарм фирма фонд
    холдинг хозяйство центр школа экспо агенцтва аптэка выдавецтва гасцініца гімназія завод інстытут інвест
    кааператыў камбінат кампанія карпарацыя клініка крама ліцэй прадпрыемства рэдакцыя рэстаран салон санаторый
    станцыя студыя таварыства тэатр тэхналогіі універсітэт установа фабрыка фірма цэнтр школа
    """,
    )
)
"""What bodies are called beside a given name: "Отель Виктория", "Виктория Плюс"."""
_PERSON: Final = re.compile(
    rf"(?:{_WORD}\s+){{1,3}}[^\W\d_]+{_PATRONYMIC}|[^\W\d_]+\s+[^\W\d_]+{_PATRONYMIC}\s+{_WORD}"
    rf"|{_WORD}\s+(?:[^\W\d_]+\s+){{1,2}}(?:оглы|оглу|кызы|улы|углы)"
    rf"|{_WORD}\s+(?:{_INITIAL}\s*){{2}}|(?:{_INITIAL}\s*){{1,2}}{_WORD}",
    re.IGNORECASE,
)
"""All of a name that is a person's by its patronymic or initials."""
_SHORT: Final = re.compile(rf"({_WORD})\s+[^\W\d_](?:[\s.]*[^\W\d_])?\.?", re.IGNORECASE)
"""A surname with initials that have no points, or with one alone."""
_AMONG: Final = re.compile(rf"(?<![\w.])([^\W\d_][\w'’ʼ-]+)\s+{_INITIAL}\s?{_INITIAL}(?!\s*[\w])")
"""A surname with two initials behind it, in whatever company."""
_CALLED_AFTER: Final = re.compile(r"(?:имени|им\.|імя|памяти|памяці|name[d]?|after)\s*$", re.IGNORECASE)
_QUOTED: Final = re.compile(r"«[^»]*»|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]")
_STANDING: Final = (
    r"(?:ип|іп|и\.\s?п\.|і\.\s?п\.|индивидуальный предприниматель|індывідуальны прадпрымальнік|физическое лицо|"
    r"фізічная асоба|физлицо|гражданин|гражданка|грамадзянін|грамадзянка|самозанят(?:ый|ая)|самазанят(?:ы|ая)|"
    r"нотариус|натарыус|адвокат|адвакат|"
    r"(?:глава|кіраўнік)\s+(?:кфх|к\(ф\)х|крестьянск\w+.*хозяйств\w*|фермерск\w+\s+хозяйств\w*|"
    r"сялянск\w+.*гаспадар\w*|фермерск\w+\s+гаспадар\w*)|"
    r"individual entrepreneur|sole (?:trader|proprietor)|mrs?\.|ms\.|г-н|г-жа|господин|госпожа|спадар(?:ыня)?)"
)
_STANDS_FIRST: Final = re.compile(rf"{_STANDING}[\s,:.-]+.*", re.IGNORECASE | re.DOTALL)
_STANDS_LAST: Final = re.compile(rf".*(?:,\s*{_STANDING}|\(\s*{_STANDING}\s*\))\.?", re.IGNORECASE | re.DOTALL)
_WORDS_TOO: Final = frozenset(("вера", "надежда", "любовь", "роман", "злата", "надзея", "любоў", "раман", "марта"))
"""Given names that say something else, too."""
_CYRILLIC: Final = re.compile(r"[а-яёіў'’ʼ-]{2,}", re.IGNORECASE)
_FARM: Final = re.compile(r"(?:кфх|к\(ф\)х|сфг|ф/?х)\s+", re.IGNORECASE)
"""A farm (крестьянское хозяйство) in short, which is often called as its head is."""
_NOT_ONLY_LEGAL_FORMS: Final = frozenset({"ИП", "ІП"})


def is_person(name: str) -> bool:
    """Whether an organisation's name is that of a natural person, as far as can be told from it alone."""
    said = " ".join(name.split())
    bare = " ".join(_QUOTED.sub(" ", said).split())
    if _STANDS_FIRST.fullmatch(said) or _STANDS_LAST.fullmatch(said) or _names_somebody(bare):
        return True
    words = _FARM.sub("", said).replace(",", " ").split()
    return not _has_legal_form(said, words) and _is_called_so(words)


def _names_somebody(bare: str) -> bool:
    """Whether a person is named beside other words, after whom no body is called there."""
    if any(not _CALLED_AFTER.search(bare[: found.start()]) for found in _AMONG.finditer(bare)):
        return True
    words = bare.replace(",", " ").split()
    return any(is_given(one) and _is_patronymic(two) for one, two in zip(words, words[1:], strict=False))


def _is_called_so(words: Sequence[str]) -> bool:
    """Whether these words are a person's name and nothing else."""
    said = " ".join(words)
    if _PERSON.fullmatch(said):
        return not said.startswith("U.S.")
    if (short := _SHORT.fullmatch(said)) and _like_a_surname(short[1]):
        return True
    pairs = [*zip(words, words[1:], strict=False), *zip(words[1:], words, strict=False)]
    return any(is_given(one) and (_like_a_surname(two) or (len(words) == 2 and _alone(one, two))) for one, two in pairs)


def _alone(given: str, other: str) -> bool:
    """Whether a given name with one word beside it is a person's, though the word does not look like a surname: one in
    Cyrillic that no body is called."""
    return given.casefold() not in _WORDS_TOO and _CYRILLIC.fullmatch(other) is not None and not _is_of_a_body(other)


def _like_a_surname(word: str) -> bool:
    return _LIKE_A_SURNAME.fullmatch(word) is not None and not _is_of_a_body(word)


def _is_of_a_body(word: str) -> bool:
    return word.casefold() in _BODIES


def _is_patronymic(word: str) -> bool:
    return re.fullmatch(rf"[^\W\d_]+{_PATRONYMIC}", word, re.IGNORECASE) is not None


def _has_legal_form(said: str, words: Sequence[str]) -> bool:
    """A legal form in short in front ("ГУ Центр ..."), beside words that are not shouted."""
    first = words[0] if words else ""
    form = first.isalpha() and first.isupper() and 2 <= len(first) <= 5
    return form and not said.isupper() and first not in _NOT_ONLY_LEGAL_FORMS


def is_given(word: str) -> bool:
    """Whether a word is somebody's given name in full."""
    return word.casefold().replace("ё", "е").replace("’", "'").replace("ʼ", "'") in _GIVEN
