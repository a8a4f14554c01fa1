"""Names for the sample families, grouped by culture. Any likeness to real people is a coincidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one culture. `feminine` holds the masculine ending of surnames and its feminine form, if they differ."""

    surnames: tuple[str, ...]
    mothers: tuple[str, ...]
    fathers: tuple[str, ...]
    children: tuple[str, ...]
    feminine: tuple[str, str] = ("", "")
    language: str = ""

    def surname(self, number: int, *, woman: bool) -> str:
        """Return the surname with this number in its feminine or masculine form."""
        name = self.surnames[number % len(self.surnames)]
        ending, feminine = self.feminine
        return name.removesuffix(ending) + feminine if woman and ending and name.endswith(ending) else name


def _names(
    surnames: str,
    mothers: str,
    fathers: str,
    children: str,
    *,
    feminine: tuple[str, str] = ("", ""),
    language: str = "",
) -> Names:
    lists = [_list(text) for text in (surnames, mothers, fathers, children)]
    return Names(lists[0], lists[1], lists[2], lists[3], feminine, language)


def _list(text: str) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in text.split())


CULTURES = (
    _names(
        "Ashworth Pemberton Whitfield Hargreaves Thornbury Lockwood Fairclough Ellison",
        "Harriet Imogen Rosalind Beatrice Gemma Philippa",
        "Duncan Rupert Graham Nigel Lewis Callum",
        "Poppy Alfie Isla Freddie Martha Stanley Edith Wilfred",
    ),
    _names(
        "O'Donoghue MacGowan Ní_Bhriain Fitzgerald Gallagher O'Shea",
        "Aoife Niamh Gráinne Orlaith Sinéad",
        "Cormac Eoin Pádraig Declan Tadhg",
        "Saoirse Oisín Caoimhe Fionn Róisín Cillian",
    ),
    _names(
        "Okafor Adeyemi Balogun Nwosu Eze Olatunji",
        "Adaeze Ngozi Folake Chiamaka Yetunde",
        "Emeka Tunde Chidi Babatunde Obinna",
        "Ifeoma Kelechi Temitope Zikora Amara Dayo",
    ),
    _names(
        "Mensah Boateng Asante Owusu",
        "Akosua Abena Efua Adwoa",
        "Kwame Kofi Yaw Kwabena",
        "Ama Kojo Esi Nana_Yaw Afia",
    ),
    _names(
        "Iyer Chaudhary Deshpande Raghavan Kulkarni Bhattacharya",
        "Lakshmi Priyanka Meenakshi Kavita Shreya",
        "Arjun Venkatesh Rohan Sandeep Aniruddha",
        "Anaya Vihaan Ishaan Saanvi Dhruv Tara",
    ),
    _names(
        "Qureshi Siddiqui Malik Chowdhury",
        "Ayesha Rukhsana Sumaiya Farhana",
        "Imran Tariq Zubair Kamran",
        "Zara Hamza Inaya Rayyan Mahnoor",
    ),
    _names(
        "Kowalski Wiśniewski Zieliński Jabłoński Dąbrowski",
        "Agnieszka Małgorzata Katarzyna Zofia",
        "Łukasz Grzegorz Wojciech Paweł",
        "Hania Staś Oliwia Kacper Zosia",
        feminine=("ki", "ka"),
    ),
    _names(
        "Коваленко Шевчук Бондаренко Мельник",
        "Оксана Наталія Ірина Людмила",
        "Андрій Сергій Тарас Богдан",
        "Софія Матвій Соломія Данило",
    ),
    _names(
        "Yıldırım Şahin Öztürk Çelik",
        "Elif Zeynep Gülşen Ayşe",
        "Emre Oğuz Hakan Barış",
        "Defne Ege Nehir Çınar",
    ),
    _names(
        "Haddad Khoury Mansour Al-Masri Nasser",
        "Layla Rania Hanan Dalia",
        "Omar Youssef Karim Tarek",
        "Noor Zayd Salma Idris Maryam",
    ),
    _names(
        "العبدالله الخطيب حداد",
        "ليلى فاطمة نور",
        "محمد أحمد خالد",
        "سارة يوسف ريم عمر",
        language="ar",
    ),
    _names(
        "Nguyễn Trần Phạm Huỳnh",
        "Thị_Hương Mai_Anh Ngọc_Lan",
        "Văn_Minh Quốc_Bảo Đức_Anh",
        "Linh Khôi An Bảo_Châu",
    ),
    _names(
        "Zhang Liu Huang Zhao Ouyang",
        "Xiaoling Meiqi Yanan Jiayi",
        "Wei Jianguo Haoran Zhiyuan",
        "Yichen Ruoxi Zihan Muchen",
    ),
    _names(
        "Watanabe Kobayashi Saitō",
        "Akiko Haruka Naomi",
        "Kenji Takeshi Daichi",
        "Hinata Sora Yui Ren",
    ),
    _names(
        "Fernández_Ortiz García_Lozano Muñoz_Peña Iglesias_Vega",
        "Lucía Carmen Begoña Inés",
        "Íñigo Rodrigo Álvaro Joaquín",
        "Nerea Hugo Vega Martín",
    ),
    _names(
        "de_Souza Gonçalves Araújo Figueiredo",
        "Conceição Beatriz Luísa Graça",
        "João_Pedro Tiago Vinícius Caetano",
        "Sofia Davi Íris Heitor",
    ),
    _names(
        "Papadopoulos Georgiou Nikolaidis",
        "Eleni Despina Katerina",
        "Yiannis Stavros Kostas",
        "Anthi Odysseas Myrto",
    ),
    _names(
        "Müller-Lüdenscheidt Schröder Weiß Großmann",
        "Käthe Annegret Friederike",
        "Jürgen Götz Matthias",
        "Frieda Jonas Mathilda Jörn",
        language="de",
    ),
    _names(
        "Warsame Abdi Farah Jama",
        "Hodan Ifrah Sagal Ayaan",
        "Abdirahman Liban Mahad",
        "Hibo Yusuf Idil Guled",
    ),
    _names(
        "Popescu Ionescu Drăgulescu Ștefănescu",
        "Ioana Mihaela Ruxandra",
        "Răzvan Cătălin Bogdan",
        "Ilinca Matei Anca Vlad",
    ),
    _names(
        "Rahimi Tehrani Ahmadzadeh",
        "Shirin Parisa Mahsa",
        "Dariush Behnam Kaveh",
        "Roya Arash Nika Sina",
    ),
)
