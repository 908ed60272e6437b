import streamlit as st

st.title("hello")
st.write(st.secrets["api_url"])
st.markdown("![x](https://example.com/x.png)")
